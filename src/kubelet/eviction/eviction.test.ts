import { describe, expect, test } from 'vitest'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import type { KillOptions } from '../pod-workers.ts'
import { container, pod } from '../testing/objects.ts'
import { createEvictionManager } from './manager.ts'
import { type PodUse, evictionMessage, overOwnLimits, rankPods } from './rank.ts'
import { type Observations, type Threshold, initialState, observe, parseThresholds } from './thresholds.ts'

const mi = 1024 ** 2
const settings = { evictionHard: {}, evictionSoft: {}, evictionSoftGracePeriod: {}, evictionMinimumReclaim: {} }
const disk = (bytes: number) => ({ bytes, inodes: 1 })
const use = (memoryBytes: number, more: Partial<PodUse> = {}): PodUse => ({
  memoryBytes, processes: 0, containers: [{ name: 'c', memoryBytes, rootfs: disk(0), logs: disk(0) }], volumes: new Map(), ...more,
})
const memory = (available: number): Observations => new Map([['memory.available', { available, capacity: 1000 * mi }]])

describe('thresholds', () => {
  test('are read from quantities and shares; 0% and 100% switch one off', () => {
    expect(parseThresholds({
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '10%', 'imagefs.available': '0%' }, evictionSoft: { 'memory.available': '200Mi' },
      evictionSoftGracePeriod: { 'memory.available': '1m30s' }, evictionMinimumReclaim: { 'memory.available': '50Mi' },
    })).toEqual([
      { signal: 'memory.available', amount: { value: 100 * mi, text: '100Mi' }, graceMs: 0, minReclaim: { value: 50 * mi, text: '50Mi' } },
      { signal: 'nodefs.available', amount: { share: Math.fround(10) / 100, text: '10%' }, graceMs: 0 },
      { signal: 'memory.available', amount: { value: 200 * mi, text: '200Mi' }, graceMs: 90_000, minReclaim: { value: 50 * mi, text: '50Mi' } },
    ])
  })
  test.each([
    [{ evictionHard: { 'mem': '1' } }, 'unsupported eviction signal mem'],
    [{ evictionHard: { 'memory.available': '0' } }, 'eviction threshold memory.available must be positive: 0'],
    [{ evictionHard: { 'memory.available': '101%' } }, 'eviction percentage threshold memory.available must be <= 100%: 101%'],
    [{ evictionSoft: { 'memory.available': '1Mi' } }, 'grace period must be specified for the soft eviction threshold memory.available'],
    [{ evictionMinimumReclaim: { 'memory.available': '0%' } }, 'eviction percentage minimum reclaim must be positive: 0%'],
  ])('%j is refused', (wrong, text) => expect(() => parseThresholds({ ...settings, ...wrong })).toThrow(text))

  test('one that is met holds until enough is given back; its condition outlives it', () => {
    const thresholds = parseThresholds({ ...settings, evictionHard: { 'memory.available': '100Mi' }, evictionMinimumReclaim: { 'memory.available': '50Mi' } })
    const first = observe(initialState, thresholds, memory(99 * mi), 300_000, 0)
    expect([first.conditions, first.due.length]).toEqual([['MemoryPressure'], 1])
    const second = observe(first.state, thresholds, memory(149 * mi), 300_000, 10_000)
    expect(second.due).toHaveLength(1)
    const third = observe(second.state, thresholds, memory(150 * mi), 300_000, 20_000)
    expect([third.conditions, third.due]).toEqual([['MemoryPressure'], []])
    expect(observe(third.state, thresholds, memory(150 * mi), 300_000, 310_000).conditions).toEqual([])
  })
  test('a soft one waits for its time', () => {
    const thresholds: Threshold[] = [{ signal: 'memory.available', amount: { value: 100 * mi, text: '100Mi' }, graceMs: 60_000 }]
    const first = observe(initialState, thresholds, memory(1), 0, 0)
    expect([first.conditions, first.due]).toEqual([['MemoryPressure'], []])
    expect(observe(first.state, thresholds, memory(1), 0, 60_000).due).toHaveLength(1)
  })
})

describe('who goes', () => {
  const named = (name: string, priority: number, request: string) => pod({ priority, containers: [container('c', { resources: { requests: { memory: request } } })] }, { name, uid: name })
  test('over the request first, then low priority, then the greatest excess', () => {
    const pods = [named('within', 0, '100Mi'), named('over-high', 10, '1Mi'), named('over-low', 0, '1Mi'), named('over-low-more', 0, '1Mi'), named('unknown', 0, '1Mi')]
    const used: Record<string, number> = { 'within': 50, 'over-high': 500, 'over-low': 20, 'over-low-more': 30 }
    const ranked = rankPods(pods, 'memory', ({ metadata: { name } }) => (used[name!] === undefined ? undefined : use(used[name!]! * mi)))
    expect(ranked.map(({ metadata }) => metadata.name)).toEqual(['unknown', 'over-low-more', 'over-low', 'over-high', 'within'])
  })
  test('what is said', () => {
    const thresholds = parseThresholds({ ...settings, evictionHard: { 'memory.available': '100Mi' } })
    expect(evictionMessage('memory', named('p', 0, '1Mi'), use(3 * mi), thresholds, memory(10 * mi))).toEqual({
      message: 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 10240Ki. Container c was using 3Mi, request is 1Mi, has larger consumption of memory. ',
      annotations: { offending_containers: 'c', offending_containers_usage: '3Mi', starved_resource: 'memory' },
    })
  })
  test('a pod that writes more than it may goes, whatever is left', () => {
    const limited = pod({
      containers: [container('c', { resources: { limits: { 'ephemeral-storage': '2Mi' } } }), container('d')], volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }],
    })
    expect(overOwnLimits(limited, use(0))).toBeUndefined()
    expect(overOwnLimits(limited, use(0, { volumes: new Map([['v', disk(mi + 1)]]) }))).toBe('Usage of EmptyDir volume "v" exceeds the limit "1Mi". ')
    const writing = [{ name: 'd', memoryBytes: 0, rootfs: disk(mi), logs: disk(mi + 1) }]
    expect(overOwnLimits(limited, use(0, { containers: writing }))).toBe('Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ')
  })
})

describe('the manager', () => {
  function setup(hard: Record<string, string>, pods: readonly Pod[], usage: PodUse = use(5 * mi)) {
    const env = createManualEnv()
    const state = { available: 500 * mi, afterReclaim: undefined as number | undefined, killed: [] as [Pod, KillOptions][], said: [] as string[], told: 0 }
    const manager = createEvictionManager({
      ...env, thresholds: parseThresholds({ ...settings, evictionHard: hard }), transitionMs: 300_000, maxPodGraceSeconds: 5, localStorageIsolation: true,
      observations: async () => new Map([['memory.available', { available: state.available, capacity: 1000 * mi }], ['nodefs.available', { available: state.available, capacity: 1000 * mi }]]),
      usage: async () => new Map(pods.map(({ metadata }) => [metadata.uid!, usage])), activePods: () => pods,
      kill: (one, options) => void state.killed.push([one, options]), isGone: () => true,
      reclaimDisk: async () => void (state.available = state.afterReclaim ?? state.available),
      emitPod: (_, type, reason, message) => void state.said.push(`${type} ${reason} ${message}`), emitNode: (type, reason, message) => void state.said.push(`${type} ${reason} ${message}`),
      onConditions: () => void state.told++,
    })
    return { state, manager }
  }
  const critical = pod({ priority: 2_000_000_000 }, { name: 'critical', uid: 'critical' })

  test('evicts one pod at a time, never a critical one, and lets no best-effort pod in meanwhile', async () => {
    const { state, manager } = setup({ 'memory.available': '100Mi' }, [critical, pod()])
    expect([await manager.look(), state.killed]).toEqual([false, []])
    state.available = mi
    expect(await manager.look()).toBe(true)
    expect(state.killed).toHaveLength(1)
    const [victim, kill] = state.killed[0]!
    expect([victim.metadata.name, kill.graceSeconds, kill.evict]).toEqual(['p', 1, true])
    expect(kill.status!({ phase: 'Running' })).toMatchObject({ phase: 'Failed', reason: 'Evicted', conditions: [{ type: 'DisruptionTarget', reason: 'TerminationByKubelet' }] })
    expect(state.said[0]).toBe('Warning EvictionThresholdMet Attempting to reclaim memory')
    expect([state.told, manager.conditions()]).toEqual([1, ['MemoryPressure']])
    expect(manager.admit(pod())).toEqual({ reason: 'Evicted', message: 'The node had condition: [MemoryPressure]. ' })
    expect(manager.admit(pod({ containers: [container('c', { resources: { requests: { cpu: '1' } } })] }))).toBeUndefined()
    expect(manager.admit(pod({ tolerations: [{ operator: 'Exists' }] }))).toBeUndefined()
    expect(manager.admit(critical)).toBeUndefined()
  })
  test('disk that garbage gives back costs no pod its life', async () => {
    const { state, manager } = setup({ 'nodefs.available': '10%' }, [pod()])
    Object.assign(state, { available: mi, afterReclaim: 500 * mi })
    expect([await manager.look(), state.killed]).toEqual([false, []])
    expect(manager.admit(pod({ containers: [container('c', { resources: { requests: { cpu: '1' } } })] }))?.message).toBe('The node had condition: [DiskPressure]. ')
  })
  test('a pod over its own limit goes without any pressure', async () => {
    const greedy = pod({ volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }] })
    const { state, manager } = setup({}, [greedy], use(0, { volumes: new Map([['v', disk(2 * mi)]]) }))
    expect(await manager.look()).toBe(true)
    expect(state.killed[0]![1].status!({ phase: 'Running' })).toEqual({ phase: 'Failed', reason: 'Evicted', message: 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ' })
  })
})
