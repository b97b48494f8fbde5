/** Our answers about a world in the words of the Go judge, and what differs. */
import { createHash } from 'node:crypto'
import type { KubeObject } from '../../src/api/meta/object.ts'
import { CycleState, type Verdict } from '../../src/scheduler/framework.ts'
import type { Pod } from '../../src/api/generated/types/core-v1.ts'
import type { SchedulerCache } from '../../src/scheduler/cache.ts'
import { podInfo } from '../../src/scheduler/snapshot.ts'
import { type World, world } from '../../src/scheduler/testing/worlds.ts'
import type { RandomWorld } from './random-worlds.ts'

export interface JudgedVerdict {
  readonly code: string
  readonly plugin: string
  readonly reasons: readonly string[]
}

export interface Judgement {
  readonly preFilter?: JudgedVerdict
  readonly nodes?: readonly string[]
  readonly refused: Readonly<Record<string, JudgedVerdict>>
  readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly error?: string
}

const spoken = ({ code, plugin = '', reasons }: Verdict): JudgedVerdict => ({ code, plugin, reasons })

/** `before`: the cluster was this other world first, and the pod was looked at there, so that what is kept must be brought up to date. */
export function ourJudgement(given: RandomWorld, before?: RandomWorld): Judgement {
  const objects = [
    ...given.namespaces, ...given.services, ...given.replicaSets, ...given.volumes, ...given.claims, ...given.classes, ...given.csiNodes, ...given.csiDrivers,
    ...given.capacities, ...given.attachments, ...given.deviceClasses, ...given.resourceSlices, ...given.resourceClaims,
  ] as readonly KubeObject[]
  const { nodes, pods } = before ?? given
  const made = world(nodes, pods, { objects, features: ['NodeDeclaredFeatures', 'DynamicResourceAllocation'], ...(given.profile === undefined ? {} : { profile: given.profile }) })
  if (before !== undefined) {
    for (let i = 0; i < 3; i++) look(made, given.pod)
    become(made.cache, before, given)
  }
  return look(made, given.pod)
}

function become(cache: SchedulerCache, before: RandomWorld, given: RandomWorld): void {
  const names = new Set(given.nodes.map(({ metadata }) => metadata.name))
  const uids = new Set(given.pods.map(({ metadata }) => metadata.uid))
  for (const { metadata } of before.nodes) if (!names.has(metadata.name)) cache.removeNode(metadata.name!)
  for (const { metadata } of before.pods) if (!uids.has(metadata.uid)) cache.removePod(metadata.uid!)
  for (const node of given.nodes) cache.setNode(node)
  for (const pod of given.pods) cache.setPod(pod)
}

function look({ framework, cache }: World, incoming: Pod): Judgement {
  const pod = podInfo(incoming)
  const state = new CycleState()
  const { refused: preFilter, nodeNames } = framework.preFilter(state, pod)
  if (preFilter !== undefined) return { preFilter: spoken(preFilter), refused: {}, scores: {} }
  const refused: Record<string, JudgedVerdict> = {}
  const filter = framework.nodeFilter(state, pod)
  const feasible = cache.nodes.filter((node) => {
    if (nodeNames?.has(node.name) === false) return false
    const verdict = filter(node)
    if (verdict !== undefined) refused[node.name] = spoken(verdict)
    return verdict === undefined
  })
  const scores: Record<string, Record<string, number>> = Object.fromEntries(feasible.map(({ name }) => [name, {}]))
  if (feasible.length > 0) {
    for (const { plugin, scores: all } of framework.scoresByPlugin(state, pod, feasible)) feasible.forEach(({ name }, i) => (scores[name]![plugin] = all[i]!))
  }
  return { ...(nodeNames === undefined ? {} : { nodes: [...nodeNames] }), refused, scores }
}

function told(verdict: JudgedVerdict | undefined): string {
  return verdict === undefined ? 'none' : `${verdict.code} ${verdict.plugin}: ${verdict.reasons.join('; ')}`
}

/** Every difference in a line; none when both agree. */
export function differences(ours: Judgement, theirs: Judgement): string[] {
  const out: string[] = []
  const compare = (what: string, a: string, b: string) => {
    if (a !== b) out.push(`${what}: ours ${a} | upstream ${b}`)
  }
  // Where upstream's framework itself failed there is nothing to compare with.
  if (theirs.error !== undefined) return [`upstream failed: ${theirs.error}`]
  compare('prefilter', told(ours.preFilter), told(theirs.preFilter))
  for (const node of new Set([...Object.keys(ours.refused), ...Object.keys(theirs.refused)])) compare(`filter ${node}`, told(ours.refused[node]), told(theirs.refused[node]))
  for (const node of new Set([...Object.keys(ours.scores), ...Object.keys(theirs.scores)])) {
    const [a = {}, b = {}] = [ours.scores[node], theirs.scores[node]]
    for (const plugin of new Set([...Object.keys(a), ...Object.keys(b)])) compare(`score ${plugin} ${node}`, String(a[plugin] ?? 0), String(b[plugin] ?? 0))
  }
  return out
}

/** Names a judgement in a few letters; equal judgements have equal names. */
export function digest({ preFilter, refused, scores, error }: Judgement): string {
  const sorted = <T>(record: Readonly<Record<string, T>>) => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
  const lines = [
    error ?? '', told(preFilter), ...sorted(refused).map(([node, verdict]) => `${node} ${told(verdict)}`),
    ...sorted(scores).map(([node, byPlugin]) => `${node} ${sorted(byPlugin).filter(([, score]) => score !== 0).map(([plugin, score]) => `${plugin}=${score}`).join(' ')}`),
  ]
  return createHash('sha256').update(lines.join('\n')).digest('base64url').slice(0, 8)
}
