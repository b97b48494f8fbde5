import { expect, it } from 'vitest'
import { service, slice } from '../testing/objects.ts'
import { ServiceTracker } from '../tracker.ts'
import { parseConntrack } from './exec/conntrack.ts'
import { staleFlows } from './stale.ts'

const line = (dst: string, dport: number, reply: string, replyPort: number, sport = 4000) =>
  `udp      17 29 src=10.77.0.12 dst=${dst} sport=${sport} dport=${dport} [UNREPLIED] src=${reply} dst=10.77.0.12 sport=${replyPort} dport=${sport} mark=0 use=1`

it('finds flows whose endpoint serves no more, by address and by node port', () => {
  const tracker = new ServiceTracker('IPv4', 'a')
  const port = (nodePort?: number) => [{ port: 53, protocol: 'UDP', ...(nodePort === undefined ? {} : { nodePort }) }]
  tracker.setService('ns/dns', service('dns', '10.96.0.1', port(30053), { type: 'NodePort' }))
  tracker.setSlice(slice('dns', [{ port: 5353, protocol: 'UDP' }], [
    { ip: '10.77.0.1' }, { ip: '10.77.0.2', ready: false, serving: false, terminating: true }, { ip: '10.77.0.3', ready: false, serving: true, terminating: true },
  ]), false)
  tracker.setService('ns/none', service('none', '10.96.0.2', port()))
  const flows = parseConntrack([
    line('10.96.0.1', 53, '10.77.0.1', 5353), line('10.96.0.1', 53, '10.77.0.2', 5353), line('10.96.0.1', 53, '10.77.0.3', 5353),
    line('172.31.0.2', 30053, '10.77.0.9', 5353), line('10.96.0.2', 53, '10.77.0.9', 5353), line('8.8.8.8', 53, '8.8.8.8', 53), 'conntrack v1.4.7',
  ].join('\n'))
  expect(flows).toHaveLength(6)
  expect(staleFlows(flows, tracker.view()).map((flow) => `${flow.destination}>${flow.replySource}`)).toEqual(['10.96.0.1>10.77.0.2', '172.31.0.2>10.77.0.9'])
})
