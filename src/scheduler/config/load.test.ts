import { describe, expect, test } from 'vitest'
import { world } from '../testing/worlds.ts'
import { loadSchedulerConfiguration } from './load.ts'
import type { SchedulerProfile } from './types.ts'

const base = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' }

test('defaults', () => {
  expect(loadSchedulerConfiguration(base)).toMatchObject({
    parallelism: 16, percentageOfNodesToScore: 0, podInitialBackoffSeconds: 1, podMaxBackoffSeconds: 10, profiles: [{ schedulerName: 'default-scheduler' }],
    leaderElection: { leaderElect: true, leaseDuration: '15s', resourceName: 'kube-scheduler' },
  })
})

test.each<[string, object, string]>([
  ['a field that there is not', { profile: [] }, 'strict decoding error: unknown field "profile"'],
  ['parallelism', { parallelism: -1 }, 'parallelism: Invalid value: -1: should be an integer value greater than zero'],
  ['back-off', { podInitialBackoffSeconds: 5, podMaxBackoffSeconds: 2 }, 'podMaxBackoffSeconds: Invalid value: 2: must be greater than or equal to PodInitialBackoffSeconds'],
  ['percentage', { percentageOfNodesToScore: 101 }, 'percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]'],
  ['two profiles of a name', { profiles: [{ schedulerName: 'a' }, { schedulerName: 'a' }] }, 'profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"'],
  ['a profile without a name', { profiles: [{ schedulerName: 'a' }, {}] }, 'profiles[1].schedulerName: Required value'],
  ['arguments', { profiles: [{ pluginConfig: [{ name: 'InterPodAffinity', args: { hardPodAffinityWeight: 200 } }] }] },
    'profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 200: not in valid range [0, 100]'],
  ['two binders', { extenders: [{ urlPrefix: 'http://a', bindVerb: 'b' }, { urlPrefix: 'http://c', bindVerb: 'd' }] },
    'extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind'],
  ['a lease shorter than its renewal', { leaderElection: { leaderElect: true, leaseDuration: '5s' } },
    'leaderElection.leaseDuration: Invalid value: "10s": must be greater than `RenewDeadline`'],
])('refuses %s', (_what, more, message) => {
  expect(() => loadSchedulerConfiguration({ ...base, ...more })).toThrow(message)
})

describe('profiles', () => {
  const lists = (profile: SchedulerProfile) => {
    const { framework } = world([], [], { profile })
    return { ...framework.lists, score: framework.lists.score.map(({ plugin, weight }) => `${plugin.name}*${weight}`) }
  }
  const names = (profile: SchedulerProfile, point: 'filter' | 'preFilter' | 'postFilter') => lists(profile)[point].map(({ name }) => name)

  test('the default one has upstream\'s plugins and weights, in order', () => {
    expect(names({}, 'filter')).toEqual([
      'NodeUnschedulable', 'NodeName', 'TaintToleration', 'NodeAffinity', 'NodePorts', 'NodeResourcesFit', 'VolumeRestrictions', 'NodeVolumeLimits',
      'VolumeBinding', 'VolumeZone', 'PodTopologySpread', 'InterPodAffinity', 'NodeDeclaredFeatures',
    ])
    expect(lists({}).score).toEqual([
      'TaintToleration*3', 'NodeAffinity*2', 'NodeResourcesFit*1', 'PodTopologySpread*2', 'InterPodAffinity*2', 'NodeResourcesBalancedAllocation*1', 'ImageLocality*1',
    ])
  })

  test('multiPoint and single points switch plugins off, on, and change weights', () => {
    const off = (name: string) => ({ disabled: [{ name }] })
    expect(names({ plugins: { multiPoint: off('NodePorts') } }, 'filter')).not.toContain('NodePorts')
    expect(names({ plugins: { filter: off('*') } }, 'filter')).toEqual([])
    expect(names({ plugins: { filter: off('*') } }, 'preFilter')).toContain('NodePorts')
    expect(lists({ plugins: { multiPoint: { enabled: [{ name: 'ImageLocality', weight: 7 }] } } }).score).toContain('ImageLocality*7')
    expect(lists({ plugins: { score: { disabled: [{ name: 'NodeAffinity' }], enabled: [{ name: 'NodeAffinity', weight: 9 }] } } }).score).toContain('NodeAffinity*9')
    expect(names({ plugins: { postFilter: off('DefaultPreemption') } }, 'postFilter')).toEqual([])
  })

  test('what cannot be', () => {
    expect(() => lists({ plugins: { filter: { enabled: [{ name: 'Nothing' }] } } })).toThrow('plugin "Nothing" does not exist')
    expect(() => lists({ plugins: { filter: { enabled: [{ name: 'PrioritySort' }] } } })).toThrow('plugin "PrioritySort" does not extend filter plugin')
    expect(() => lists({ plugins: { queueSort: { disabled: [{ name: '*' }] } } })).toThrow('no queue sort plugin is enabled')
  })
})
