import { expect, test } from 'vitest'
import { cgroupPath, parseHierarchies, v1Files, v2Files, weightOfShares } from './cgroups/manager.ts'
import { shutdownSignal } from './host/power.ts'
import { staticPodsFromUrl } from './static-pods.ts'
import { subresourcesOf } from './server/auth.ts'
import { parseStreamPath } from './server/streams.ts'
import { logOptions } from './server/routes.ts'

test('cgroup hierarchies and their files', () => {
  const v1 = parseHierarchies('cgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n')
  expect(v1.map(({ dir, version, controllers }) => [dir, version, [...controllers].join()])).toEqual([['/sys/fs/cgroup/cpu', 1, 'cpu,cpuacct'], ['/sys/fs/cgroup/memory', 1, 'memory']])
  expect(parseHierarchies('cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n')).toMatchObject([{ dir: '/sys/fs/cgroup', version: 2 }])
  const resources = { cpuShares: 1024, cpuQuota: 50_000, cpuPeriod: 100_000, memoryLimit: 1000 }
  expect(v1Files(resources, new Set(['cpu', 'memory']))).toEqual([['cpu.shares', '1024'], ['cpu.cfs_period_us', '100000'], ['cpu.cfs_quota_us', '50000'], ['memory.limit_in_bytes', '1000']])
  expect(v1Files({ cpuShares: 2, cpuQuota: 0, cpuPeriod: 1 }, new Set(['cpu'])).at(-1)).toEqual(['cpu.cfs_quota_us', '-1'])
  expect(v2Files(resources)).toEqual([['cpu.weight', '39'], ['cpu.max', '50000 100000'], ['memory.max', '1000']])
  expect([weightOfShares(2), weightOfShares(262144)]).toEqual([1, 10000])
  expect(cgroupPath(['kubepods', 'burstable', 'poda-b'], 'cgroupfs')).toBe('/kubepods/burstable/poda-b')
  expect(cgroupPath(['kubepods', 'burstable', 'poda-b'], 'systemd')).toBe('/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda_b.slice')
})

test('paths of the server', () => {
  expect([subresourcesOf('/pods'), subresourcesOf('/metrics/resource'), subresourcesOf('/exec/a/b/c'), subresourcesOf('/stats/summary'), subresourcesOf('/podsx')]).toEqual([['pods', 'proxy'], ['metrics'], ['proxy'], ['stats'], ['proxy']])
  expect([subresourcesOf('/statusz'), subresourcesOf('/flagz'), subresourcesOf('/metrics/slis'), subresourcesOf('/configz')]).toEqual([['statusz'], ['configz'], ['metrics'], ['configz', 'proxy']])
  expect(parseStreamPath('/exec/ns/p/c')).toEqual({ kind: 'exec', namespace: 'ns', pod: 'p', uid: undefined, container: 'c' })
  expect(parseStreamPath('/attach/ns/p/uid/c')).toMatchObject({ kind: 'attach', uid: 'uid', container: 'c' })
  expect(parseStreamPath('/portForward/ns/p')).toMatchObject({ kind: 'portForward', pod: 'p' })
  expect([parseStreamPath('/exec/ns/p'), parseStreamPath('/pods')]).toEqual([undefined, undefined])
})

test('what logind says', () => {
  const line = (member: string, down: unknown) => JSON.stringify({ type: 'signal', member, payload: { type: 'b', data: [down] } })
  expect([shutdownSignal(line('PrepareForShutdown', true)), shutdownSignal(line('PrepareForShutdown', false))]).toEqual([true, false])
  expect([shutdownSignal(line('Other', true)), shutdownSignal('Monitoring bus'), shutdownSignal(line('PrepareForShutdown', 'x'))]).toEqual([undefined, undefined, undefined])
})

test('options of logs', () => {
  const read = (query: string) => logOptions(new URLSearchParams(query), 1_000_000)
  expect(read('follow=true&tailLines=5&sinceSeconds=10&timestamps=1')).toMatchObject({ follow: true, timestamps: true, tailLines: 5, since: 990_000, stream: 'All' })
  expect(() => read('tailLines=x')).toThrow('Unable to decode query')
  expect(() => read('limitBytes=0')).toThrow('Invalid request')
})

test('static pods that a URL serves', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [{ name: 'c', image: 'i:1' }] } }
  const read = (served: unknown) => staticPodsFromUrl(JSON.stringify(served), 'http://x/pods', 'N1', 't').pods
  const [one] = read(pod)
  expect(one).toMatchObject({ metadata: { name: 'a-n1', namespace: 'default', annotations: { 'kubernetes.io/config.source': 'http' } }, spec: { nodeName: 'N1' } })
  expect(read({ apiVersion: 'v1', kind: 'PodList', items: [pod, { ...pod, metadata: { name: 'b' } }] }).map(({ metadata }) => metadata.name)).toEqual(['a-n1', 'b-n1'])
  expect(read(pod)[0]?.metadata.uid).toBe(one?.metadata.uid)
  expect(() => read({ kind: 'Node' })).toThrow('http://x/pods: not a Pod with a name')
})
