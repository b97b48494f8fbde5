import { expect, test } from 'vitest'
import { resolveOptions } from '../options.ts'
import { createTestHost } from '../testing/host.ts'
import { type NodeFacts, nodeStatus } from './status.ts'

const host = createTestHost()
const options = resolveOptions({ nodeName: 'n', nodeIps: ['10.0.0.1'], evictionHard: {}, systemReserved: { memory: '1Gi' } })
const factsWith = async (hugePages?: Record<string, number>): Promise<NodeFacts> => ({
  machine: { ...await host.machine(), ...(hugePages === undefined ? {} : { hugePages }) }, usage: await host.usage(), disk: await host.disk('/'),
  runtimeVersion: undefined, runtime: undefined, images: [], kubeletPort: 10250, kubeletVersion: 'v1',
})

test('memory in huge pages is told by their size, and is not given out as memory', async () => {
  const { capacity, allocatable } = nodeStatus(undefined, options, await factsWith({ 'hugepages-2Mi': 2 * 1024 ** 3, 'hugepages-1Gi': 0 }), 'now')
  expect(capacity).toMatchObject({ memory: '8388608Ki', 'hugepages-2Mi': '2Gi', 'hugepages-1Gi': '0' })
  expect(allocatable).toMatchObject({ memory: '5Gi', 'hugepages-2Mi': '2Gi', 'hugepages-1Gi': '0' })
})

test('a machine of which nothing is known has none', async () => {
  const { allocatable } = nodeStatus(undefined, options, await factsWith(), 'now')
  expect(allocatable).toMatchObject({ memory: '7Gi', 'hugepages-2Mi': '0', 'hugepages-1Gi': '0' })
})
