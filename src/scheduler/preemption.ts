/** DefaultPreemption's decision (upstream: plugins/defaultpreemption, framework/preemption): which pods to evict where. Pure. */
import type { PodDisruptionBudget } from '../api/generated/types/policy-v1.ts'
import type { CycleState, Handle, Verdict } from './framework.ts'
import { type Diagnosis, type Framework, fitMessage } from './schedule-one.ts'
import { type NodeInfo, type PodInfo, labelMatcher } from './snapshot.ts'

export interface Candidate {
  readonly node: string
  /** Most important first. */
  readonly victims: readonly PodInfo[]
  readonly budgetViolations: number
}

export type PreemptionResult =
  | { readonly candidate: Candidate }
  /** `clearNomination`: the pod's nominated node is no longer worth waiting for. */
  | { readonly candidate: undefined; readonly message: string; readonly clearNomination: boolean }

const minCandidatePercentage = 10
const minCandidates = 100

export function preempt(framework: Framework, state: CycleState, pod: PodInfo, diagnosis: Diagnosis, offset: (below: number) => number): PreemptionResult {
  const refused = notEligible(framework.handle, pod, diagnosis)
  if (refused !== undefined) return { candidate: undefined, message: `preemption: ${refused}`, clearNomination: false }
  const verdicts = new Map<string, Verdict>()
  const potential: NodeInfo[] = []
  for (const node of framework.handle.nodes) {
    if (diagnosis.verdicts.get(node.name)?.code === 'Unschedulable') potential.push(node)
    else verdicts.set(node.name, { code: 'UnschedulableAndUnresolvable', reasons: ['Preemption is not helpful for scheduling'] })
  }
  const candidates = findCandidates(framework, state, pod, potential, verdicts, offset)
  if (candidates.length === 0) {
    const message = fitMessage(framework.handle.nodes.length, { verdicts, refusedBy: new Set(), preFilterMessage: '' })
    return { candidate: undefined, message: `preemption: ${message}`, clearNomination: true }
  }
  return { candidate: best(candidates) }
}

function notEligible(handle: Handle, pod: PodInfo, diagnosis: Diagnosis): string | undefined {
  if (pod.pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = pod.pod.status?.nominatedNodeName ?? ''
  if (nominated === '' || diagnosis.verdicts.get(nominated)?.code === 'UnschedulableAndUnresolvable') return undefined
  for (const other of handle.node(nominated)?.pods.values() ?? []) {
    if (other.priority < pod.priority && terminatingByPreemption(other)) return 'not eligible due to a terminating pod on the nominated node.'
  }
  return undefined
}

function terminatingByPreemption({ pod }: PodInfo): boolean {
  if (pod.metadata.deletionTimestamp === undefined) return false
  return pod.status?.conditions?.some((c) => c.type === 'DisruptionTarget' && c.status === 'True' && c.reason === 'PreemptionByScheduler') ?? false
}

function findCandidates(framework: Framework, state: CycleState, pod: PodInfo, potential: readonly NodeInfo[], verdicts: Map<string, Verdict>, offset: (below: number) => number): Candidate[] {
  if (potential.length === 0) return []
  const wanted = Math.min(Math.max(Math.trunc((potential.length * minCandidatePercentage) / 100), minCandidates), potential.length)
  const start = offset(potential.length)
  const clean: Candidate[] = []
  const violating: Candidate[] = []
  const budgets = framework.handle.budgets()
  for (let i = 0; i < potential.length && (clean.length === 0 || clean.length + violating.length < wanted); i++) {
    const node = potential[(start + i) % potential.length]!
    const result = selectVictims(framework, state.clone(), pod, node.clone(), budgets)
    if ('code' in result) verdicts.set(node.name, result)
    else (result.budgetViolations === 0 ? clean : violating).push(result)
  }
  return [...clean, ...violating]
}

/** Takes all lower-priority pods off the node, then gives back as many as fit, the important and the protected first. */
function selectVictims(framework: Framework, state: CycleState, pod: PodInfo, node: NodeInfo, budgets: readonly PodDisruptionBudget[]): Candidate | Verdict {
  const lower = [...node.pods.values()].filter((other) => other.priority < pod.priority)
  if (lower.length === 0) return { code: 'UnschedulableAndUnresolvable', reasons: ['No preemption victims found for incoming pod'] }
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
  const compiled = budgets.map((budget) => ({
    budget, allowed: budget.status?.disruptionsAllowed ?? 0,
    matches: isEmpty(budget.spec?.selector) ? () => false : labelMatcher(budget.spec?.selector),
  }))
  const violating: PodInfo[] = []
  const others: PodInfo[] = []
  for (const pod of pods) {
    let violates = false
    if (Object.keys(pod.labels).length > 0) {
      for (const entry of compiled) {
        const { budget } = entry
        if (budget.metadata.namespace !== pod.namespace || !entry.matches(pod.labels)) continue
        if (budget.status?.disruptedPods?.[pod.pod.metadata.name!] !== undefined) continue
        if (--entry.allowed < 0) violates = true
      }
    }
    ;(violates ? violating : others).push(pod)
  }
  return { violating, others }
}

function isEmpty(selector: { matchLabels?: object; matchExpressions?: unknown[] } | undefined): boolean {
  return selector === undefined || (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0)
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
