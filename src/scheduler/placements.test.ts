import { describe, expect, test } from 'vitest'
import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import type { PodGroup } from '../api/generated/types/scheduling-v1alpha2.ts'
import type { Placement } from './framework.ts'
import { placementScores, placementsFor } from './placements.ts'
import { podInfo } from './snapshot.ts'
import { node, pod, world } from './testing/worlds.ts'

const key = { namespace: 'default', name: 'g' }
const inZone = (name: string, zone?: string) => node(name, zone === undefined ? {} : { labels: { zone } })
const member = (name: string, on: string): Pod => pod(name, { on, spec: { schedulingGroup: { podGroupName: 'g' } } })

function group(topologyKey?: string): PodGroup {
  return {
    apiVersion: 'scheduling.k8s.io/v1alpha2', kind: 'PodGroup', metadata: { name: 'g', namespace: 'default' },
    spec: { schedulingPolicy: { basic: {} }, ...(topologyKey === undefined ? {} : { schedulingConstraints: { topology: [{ key: topologyKey }] } }) },
  }
}

const frameworkOf = (nodes: readonly Node[], placed: readonly Pod[], groups: readonly PodGroup[]) =>
  world(nodes, placed, { features: ['GenericWorkload', 'GangScheduling', 'TopologyAwareWorkloadScheduling'], objects: groups }).framework

function generated(nodes: readonly Node[], placed: readonly Pod[], groups: readonly PodGroup[]): unknown {
  const placements = placementsFor(frameworkOf(nodes, placed, groups), key)
  return 'code' in placements ? `${placements.plugin}: ${placements.reasons.join()}` : Object.fromEntries(placements.map(({ name, nodes: within }) => [name, within.map((each) => each.name)]))
}

describe('placements', () => {
  const nodes = [inZone('a', 'x'), inZone('b', 'y'), inZone('c', 'x'), inZone('d')]

  test('without a constraint all nodes are one', () => {
    expect(generated(nodes, [], [group()])).toEqual({ '': ['a', 'b', 'c', 'd'] })
  })

  test('with one each value of the label is, nodes without it are none', () => {
    expect(generated(nodes, [], [group('zone')])).toEqual({ x: ['a', 'c'], y: ['b'] })
    expect(generated(nodes, [], [group('rack')])).toBe('TopologyPlacementGenerator: no feasible placements found')
  })

  test('where pods of the group are already the others follow', () => {
    expect(generated(nodes, [member('p', 'b')], [group('zone')])).toEqual({ y: ['b'] })
  })

  test('pods that are not in one domain, or a group that is gone, are errors', () => {
    const text = 'cannot determine domain for already scheduled pods:'
    expect(() => generated(nodes, [member('p', 'a'), member('q', 'b')], [group('zone')])).toThrow(`${text} more than 1 domain found for pod group: x, y`)
    expect(() => generated(nodes, [member('p', 'd')], [group('zone')])).toThrow(`${text} no topology domain found for pod default/p`)
    expect(() => generated(nodes, [], [])).toThrow('podgroup.scheduling.k8s.io "g" not found')
  })

  test('the placement that takes most pods has the most points; pods with a node count', () => {
    const placement: Placement = { name: 'x', nodes: [] }
    const proposed = (count: number) => ({ placement, assignments: Array.from({ length: count }, (_, i) => ({ pod: podInfo(pod(`new-${i}`)), node: 'a' })) })
    expect([...placementScores(frameworkOf(nodes, [], [group()]), key, [proposed(1), proposed(3)])]).toEqual([33, 100])
    expect([...placementScores(frameworkOf(nodes, [member('p', 'a')], [group()]), key, [proposed(1), proposed(3)])]).toEqual([50, 100])
    expect(() => placementScores(frameworkOf(nodes, [], [group()]), key, [proposed(0)])).toThrow(
      'running NormalizePlacementScore on PlacementScore plugins: plugin "PodGroupPodsCount" failed with: no pods from pod group are assigned to any of the candidate placements')
  })

  test('where the gate is off nothing divides the nodes', () => {
    const { framework } = world(nodes, [], { objects: [group('zone')] })
    expect(placementsFor(framework, key)).toMatchObject([{ name: '' }])
  })
})
