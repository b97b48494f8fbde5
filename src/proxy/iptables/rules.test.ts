import { describe, expect, it } from 'vitest'
import type { RuleOptions } from '../rules.ts'
import { flowWorld } from '../testing/flows.ts'
import { service, slice } from '../testing/objects.ts'
import { rulesetOf } from '../testing/rulesets.ts'
import { trace } from '../trace.ts'
import { ServiceTracker } from '../tracker.ts'
import { missingJumps, parseSaved } from './jumps.ts'
import { removalScript } from './leftovers.ts'
import { renderBase, renderPort } from './rules.ts'
import { Tables } from './tables.ts'

const { ruleOptions, nodeIP, addresses } = flowWorld('IPv4')

function tracked(): ServiceTracker {
  const tracker = new ServiceTracker('IPv4', 'a')
  const one = service('svc1', '10.20.30.41', [{ name: 'p80', port: 80, nodePort: 30_001 }], { type: 'NodePort' })
  tracker.setService('ns1/svc1', { ...one, metadata: { ...one.metadata, namespace: 'ns1' } })
  const ends = slice('svc1', [{ name: 'p80', port: 80 }], [{ ip: '10.180.0.1' }])
  tracker.setSlice({ ...ends, metadata: { ...ends.metadata, namespace: 'ns1' } }, false)
  return tracker
}

function tablesOf(options: RuleOptions = ruleOptions, brief = false): Tables {
  const tables = new Tables()
  const ports = [...tracked().takeChanges().changed].map(([owner, state]) => [owner, renderPort(state!.info, state!.endpoints, options, brief)] as const)
  tables.update(new Map([...ports, ['', renderBase(options, false)]]))
  return tables
}

describe('the lists of mode iptables', () => {
  it('have upstream\'s names and words', () => {
    const { chains } = tablesOf()
    expect(chains.get('nat KUBE-SERVICES')).toBe([
      '-A KUBE-SERVICES -m comment --comment "ns1/svc1:p80 cluster IP" -d 10.20.30.41 -p tcp -m tcp --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O',
      `-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -d ${nodeIP} -j KUBE-NODEPORTS`, '',
    ].join('\n'))
    expect(chains.get('nat KUBE-SVC-XPGD46QRK7WJZT7O')).toBe([
      '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 cluster IP" -d 10.20.30.41 -p tcp -m tcp --dport 80 ! -s 10.77.0.0/16 -j KUBE-MARK-MASQ',
      '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -j KUBE-SEP-SXIVWICOYRO3J4NJ', '',
    ].join('\n'))
    expect(chains.get('nat KUBE-SEP-SXIVWICOYRO3J4NJ')).toContain('-p tcp -m tcp -j DNAT --to-destination 10.180.0.1:80\n')
    expect(tablesOf(ruleOptions, true).chains.get('nat KUBE-SEP-SXIVWICOYRO3J4NJ')).not.toContain('comment')
  })

  it.each([
    ['all', true, ['accept', 'accept']], ['all', false, ['accept', 'none']], [[nodeIP], true, ['accept', 'none']], [['127.0.0.0', nodeIP], true, ['accept', 'none']], [['127.0.0.1', nodeIP], true, ['accept', 'accept']],
  ] as const)('node ports at %j, by the loopback %j', (nodePortAddresses, localhostNodePorts, expected) => {
    const rules = rulesetOf('iptables', tracked(), { ...ruleOptions, nodePortAddresses, localhostNodePorts })
    const reached = [nodeIP, '127.0.0.1'].map((destination) => {
      const [outcome] = trace(rules, { source: destination, destination, protocol: 'tcp', port: 30_001, fromNode: true }, { localAddresses: [nodeIP, '127.0.0.1'] })
      return outcome!.translated ? outcome!.verdict : 'none'
    })
    expect(reached).toEqual(expected)
  })

  it('let nobody outside reach the loopback, which route_localnet would allow', () => {
    const rules = rulesetOf('iptables', tracked(), { ...ruleOptions, nodePortAddresses: 'all', localhostNodePorts: true })
    const at = (port: number) => trace(rules, { source: addresses.client, destination: '127.0.0.1', protocol: 'tcp', port }, { localAddresses: [nodeIP, '127.0.0.1'] })[0]!.verdict
    expect([at(10_250), at(30_001)]).toEqual(['drop', 'accept'])
  })

  it('count what they hold', () => {
    expect([tablesOf().count('filter'), tablesOf().count('nat')]).toEqual([3, 13])
  })
})

describe('scripts', () => {
  it('of a full write add only the jumps that are missing and remove the chains of Services that are gone', () => {
    const saved = [
      '*filter', ':INPUT ACCEPT [0:0]', ':KUBE-FORWARD - [0:0]', '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD', 'COMMIT',
      '*nat', ':KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]', ':KUBE-SVC-XPGD46QRK7WJZT7O - [0:0]', ':MINE - [0:0]', '-A OUTPUT -j KUBE-SERVICES', 'COMMIT', '',
    ].join('\n')
    const script = tablesOf().full(saved)
    expect(script).not.toContain('-I FORWARD -m comment --comment "kubernetes forwarding rules"')
    expect(script).toContain('-I FORWARD -m comment --comment "kubernetes service portals" -m conntrack --ctstate NEW -j KUBE-SERVICES\n')
    expect(script.match(/^-I OUTPUT .*$/gm)).toHaveLength(3)
    expect(script.match(/^-X .*$/gm)).toEqual(['-X KUBE-SVC-AAAAAAAAAAAAAAAA'])
    expect(script).not.toContain('MINE')
  })

  it('of a second full write add no jump', () => {
    const text = tablesOf().full('')
    const saved = text.replaceAll('-I ', '-A ')
    expect(tablesOf().full(saved)).not.toMatch(/^-I /m)
    expect(missingJumps('nat', parseSaved(saved).get('nat')!)).toEqual([])
  })

  it('of a change name only the chains that changed', () => {
    const tracker = tracked()
    const tables = new Tables()
    const changes = () => new Map([...tracker.takeChanges().changed].map(([owner, state]) => [owner, renderPort(state!.info, state!.endpoints, ruleOptions)]))
    tables.update(new Map([...changes(), ['', renderBase(ruleOptions, false)]]))
    const ends = slice('svc1', [{ name: 'p80', port: 80 }], [{ ip: '10.180.0.1' }, { ip: '10.180.0.2' }])
    tracker.setSlice({ ...ends, metadata: { ...ends.metadata, namespace: 'ns1' } }, false)
    const script = tables.update(changes())
    expect(script.match(/^[:*].*$/gm)).toEqual(['*nat', expect.stringMatching(/^:KUBE-SVC-XPGD46QRK7WJZT7O /), expect.stringMatching(/^:KUBE-SEP-/)])
    tracker.touchAll()
    expect(tables.update(changes())).toBe('')
  })

  it('of the clean-up take away what a full write made', () => {
    const saved = tablesOf().full('').replaceAll('-I ', '-A ')
    const script = removalScript(saved)
    expect(script.match(/^-D /gm)).toHaveLength(saved.match(/^-A (INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING) .*-j KUBE-(?!FIREWALL)/gm)!.length)
    expect(script).toContain('*mangle\n-F KUBE-PROXY-CANARY\n-X KUBE-PROXY-CANARY\nCOMMIT\n')
    expect(script).not.toContain('KUBE-FIREWALL')
  })
})
