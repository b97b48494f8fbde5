/** DefaultPreemption (upstream: plugins/defaultpreemption, framework/preemption): which pods to evict where. */
import { podDisruptionBudgets, podGroups } from '../../api/generated/resources.ts'
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts'
import { podGroupOf } from '../../api/helpers/pod-group.ts'
import { type CycleState, type Diagnosis, type FilterRunner, type Handle, type PluginDefinition, type PostFilterResult, type Verdict, unresolvable } from '../framework.ts'
import type { PodGroup } from '../../api/generated/types/scheduling-v1alpha2.ts'
import type { Lister } from '../../client/lister.ts'
import type { Extender, Victims } from '../extender.ts'
import { fitMessage } from '../fit-message.ts'
import type { NodeInfo, PodInfo } from '../snapshot.ts'
import { budgetCheck } from './budgets.ts'

const name = 'DefaultPreemption'
const noVictims = unresolvable('No preemption victims found for incoming pod')
const notHelpful = unresolvable('Preemption is not helpful for scheduling')

/** A node that takes the pod when the victims are gone. */
interface Candidate {
  readonly node: string
  /** Most important first. */
  readonly victims: readonly PodInfo[]
  readonly budgetViolations: number
}

/** Evicts less important pods for a pod that fits nowhere; the eviction goes on in the background. */
export const defaultPreemption: PluginDefinition = {
  name,
  create(args, handle) {
    const percentage = (args['minCandidateNodesPercentage'] as number | undefined) ?? 10
    const absolute = (args['minCandidateNodesAbsolute'] as number | undefined) ?? 100
    const budgets = handle.lister(podDisruptionBudgets)
    const byPlacement = handle.feature('TopologyAwareWorkloadScheduling')
    const byGroup = handle.feature('WorkloadAwarePreemption')
    const groups = byPlacement || byGroup ? handle.lister(podGroups) : undefined
    const search: Search = {
      handle,
      budgets: () => budgets.list(),
      count: (nodes) => Math.min(Math.max(Math.trunc((nodes * percentage) / 100), absolute), nodes),
    }
    return {
      name,
      // Victims' deletions help through the plugins that refused the pod, not through this one.
      events: [{ resource: 'Pod', actions: ['Delete'], hint: () => false }],
      preEnqueue(pod) {
        const group = byGroup ? podGroupOf(pod) : undefined
        const uid = group === undefined ? pod.metadata.uid! : groups!.get({ namespace: pod.metadata.namespace, name: group })?.metadata.uid
        if (uid === undefined || handle.preemptor?.isPreempting(uid) !== true) return undefined
        return unresolvable(`waiting for the preemption for this ${group === undefined ? 'pod' : 'pod group'} to be finished`)
      },
      postFilter(state, pod, diagnosis, runner) {
        handle.preemptor?.attempted()
        const placed = byPlacement ? refusedForPlacement(groups!, pod) : undefined
        const refusal = placed ?? (byGroup && podGroupOf(pod.pod) !== undefined ? 'not eligible due to workload aware preemption enabled' : undefined)
        if (refusal !== undefined) return { success: false, message: `preemption: ${refusal}` }
        const found = preempt(search, state, pod, diagnosis, runner)
        if ('message' in found) return found
        const carryOut = (candidates: readonly Candidate[]): PostFilterResult => {
          if (candidates.length === 0) return { success: false, message: 'preemption: no candidate node for preemption' }
          const { node, victims } = best(candidates)
          handle.preemptor?.evict(pod, node, victims)
          return { success: true, nominate: node, message: '' }
        }
        const extenders = handle.extenders.filter((extender) => extender.preempts && extender.isInterested(pod.pod))
        return extenders.length === 0 ? carryOut(found) : askExtenders(extenders, handle, pod, found).then(carryOut)
      },
    }
  },
}

/** Pods would be evicted for every placement that is tried. */
function refusedForPlacement(groups: Lister<PodGroup>, { pod, namespace }: PodInfo): string | undefined {
  const name = podGroupOf(pod)
  if (name === undefined) return undefined
  const group = groups.get({ namespace, name })
  if (group === undefined) return 'pod group for pod not found'
  return group.spec.schedulingConstraints === undefined ? undefined : 'not eligible due to placement-based pod group scheduling limitation'
}

interface Search {
  readonly handle: Handle
  budgets(): readonly PodDisruptionBudget[]
  /** How many candidates are enough. */
  count(nodes: number): number
}

function preempt(search: Search, state: CycleState, pod: PodInfo, diagnosis: Diagnosis, runner: FilterRunner): readonly Candidate[] | PostFilterResult {
  const { handle } = search
  const verdictOf = (node: string) => diagnosis.verdicts.get(node) ?? diagnosis.absent
  const refused = notEligible(handle, pod, verdictOf)
  if (refused !== undefined) return { success: false, message: `preemption: ${refused}` }
  const potential = handle.nodes.filter((node) => verdictOf(node.name)?.code === 'Unschedulable')
  const verdicts = new Map<string, Verdict>()
  const candidates = findCandidates(search, state, pod, potential, verdicts, runner)
  if (candidates.length > 0) return candidates
  const message = fitMessage(handle.nodes.length, { verdicts, absent: notHelpful, preFilterMessage: '', postFilterMessage: '' })
  return { success: false, nominate: '', message: `preemption: ${message}` }
}

/** Each extender takes candidates, or victims, out; one that fails stops the preemption unless it may be ignored. */
async function askExtenders(extenders: readonly Extender[], handle: Handle, { pod }: PodInfo, candidates: readonly Candidate[]): Promise<Candidate[]> {
  let victims: ReadonlyMap<string, Victims> = new Map(candidates.map((c) => [c.node, { pods: c.victims, budgetViolations: c.budgetViolations }]))
  for (const extender of extenders) {
    try {
      const kept = await extender.preempt(pod, victims, (node) => handle.node(node))
      const bare = [...kept].filter(([, { pods }]) => pods.length === 0)
      if (bare.length > 0 && !extender.ignorable) throw new Error(`expected at least one victim pod on node "${bare[0]![0]}"`)
      for (const [node] of bare) kept.delete(node)
      victims = kept
    } catch (error) {
      if (!extender.ignorable) throw error
    }
    if (victims.size === 0) break
  }
  return [...victims].map(([node, { pods, budgetViolations }]) => ({ node, victims: pods, budgetViolations }))
}

function notEligible(handle: Handle, pod: PodInfo, verdictOf: (node: string) => Verdict | undefined): string | undefined {
  if (pod.pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = pod.pod.status?.nominatedNodeName ?? ''
  if (nominated === '' || verdictOf(nominated)?.code === 'UnschedulableAndUnresolvable') return undefined
  for (const other of handle.node(nominated)?.pods.values() ?? []) {
    if (other.priority < pod.priority && terminatingByPreemption(other)) return 'not eligible due to a terminating pod on the nominated node.'
  }
  return undefined
}

function terminatingByPreemption({ pod }: PodInfo): boolean {
  if (pod.metadata.deletionTimestamp === undefined) return false
  return pod.status?.conditions?.some((c) => c.type === 'DisruptionTarget' && c.status === 'True' && c.reason === 'PreemptionByScheduler') ?? false
}

function findCandidates(search: Search, state: CycleState, pod: PodInfo, potential: readonly NodeInfo[], verdicts: Map<string, Verdict>, runner: FilterRunner): Candidate[] {
  if (potential.length === 0) return []
  const wanted = search.count(potential.length)
  const start = search.handle.env.random.int(potential.length)
  const clean: Candidate[] = []
  const violating: Candidate[] = []
  const budgets = search.budgets()
  for (let i = 0; i < potential.length && (clean.length === 0 || clean.length + violating.length < wanted); i++) {
    const node = potential[(start + i) % potential.length]!
    const result = selectVictims(runner, state.clone(), pod, node.clone(), budgets)
    if ('code' in result) verdicts.set(node.name, result)
    else (result.budgetViolations === 0 ? clean : violating).push(result)
  }
  return [...clean, ...violating]
}

/** Takes all lower-priority pods off the node, then gives back as many as fit, the important and the protected first. */
function selectVictims(framework: FilterRunner, state: CycleState, pod: PodInfo, node: NodeInfo, budgets: readonly PodDisruptionBudget[]): Candidate | Verdict {
  const lower = [...node.pods.values()].filter((other) => other.priority < pod.priority)
  if (lower.length === 0) return noVictims
  const remove = (other: PodInfo) => {
    node.removePod(other.uid)
    framework.removePod(state, pod, other, node)
  }
  for (const other of lower) remove(other)
  const verdict = framework.filterWithNominated(state, pod, node)
  if (verdict !== undefined) return verdict
  lower.sort(moreImportantFirst)
  const { violating, others } = splitByBudgets(lower, budgets)
  const victims: PodInfo[] = []
  const reprieve = (other: PodInfo): boolean => {
    node.addPod(other)
    framework.addPod(state, pod, other, node)
    if (framework.filterWithNominated(state, pod, node) === undefined) return true
    remove(other)
    victims.push(other)
    return false
  }
  let budgetViolations = 0
  for (const other of violating) if (!reprieve(other)) budgetViolations++
  for (const other of others) reprieve(other)
  return { node: node.name, victims: victims.sort(moreImportantFirst), budgetViolations }
}

function startTime({ pod }: PodInfo): string {
  // A pod without a start time counts as started now, which sorts after every timestamp.
  return pod.status?.startTime ?? '~'
}

function moreImportantFirst(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || (startTime(a) < startTime(b) ? -1 : startTime(a) > startTime(b) ? 1 : 0)
}

function splitByBudgets(pods: readonly PodInfo[], budgets: readonly PodDisruptionBudget[]): { violating: PodInfo[]; others: PodInfo[] } {
  const breaks = budgetCheck(budgets, true)
  const violating: PodInfo[] = []
  const others: PodInfo[] = []
  for (const pod of pods) (breaks(pod) ? violating : others).push(pod)
  return { violating, others }
}

/** Fewest budget violations; lowest top priority; lowest sum; fewest victims; latest start of the most important ones. */
function best(candidates: readonly Candidate[]): Candidate {
  const scores: ((candidate: Candidate) => number)[] = [
    (c) => -c.budgetViolations,
    (c) => -(c.victims[0]?.priority ?? -Infinity),
    (c) => -c.victims.reduce((sum, victim) => sum + victim.priority + 2 ** 31, 0),
    (c) => -c.victims.length,
  ]
  let left = candidates
  for (const score of scores) {
    const highest = Math.max(...left.map(score))
    left = left.filter((candidate) => score(candidate) === highest)
    if (left.length === 1) return left[0]!
  }
  const earliest = (c: Candidate) => c.victims.filter((v) => v.priority === c.victims[0]!.priority).map(startTime).sort()[0]!
  return left.reduce((a, b) => (earliest(b) > earliest(a) ? b : a))
}
