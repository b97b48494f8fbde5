/** A cycle in which extenders have a say: it waits for them between filtering and scoring (upstream: schedule_one.go). */
import type { Extender } from './extender.ts'
import { CycleState, type Verdict } from './framework.ts'
import type { Framework } from './runtime.ts'
import { type CycleOptions, type CycleResult, findFeasible, pickBest } from './schedule-one.ts'
import type { PodInfo } from './snapshot.ts'

export async function scheduleWithExtenders(framework: Framework, pod: PodInfo, options: CycleOptions, extenders: readonly Extender[]): Promise<CycleResult> {
  const state = new CycleState()
  const found = findFeasible(framework, state, pod, options)
  const { diagnosis } = found
  let { feasible } = found
  const interested = extenders.filter((extender) => extender.isInterested(pod.pod))
  for (const extender of interested) {
    if (feasible.length === 0) break
    if (!extender.filters) continue
    try {
      const { nodes, failed, unresolvable } = await extender.filter(pod.pod, feasible)
      const refuse = (name: string, code: Verdict['code'], reason: string) => diagnosis.verdicts.set(name, { code, reasons: [reason] })
      for (const [name, reason] of Object.entries(failed)) refuse(name, 'Unschedulable', reason)
      for (const [name, reason] of Object.entries(unresolvable)) refuse(name, 'UnschedulableAndUnresolvable', reason)
      feasible = nodes
    } catch (error) {
      if (!extender.ignorable) throw error
    }
  }
  if (feasible.length === 0) return { node: undefined, state, diagnosis }
  const evaluated = feasible.length + diagnosis.verdicts.size
  if (feasible.length === 1) return { node: feasible[0]!, state, feasible: 1, evaluated }
  const totals = framework.scores(state, pod, feasible)
  const added = await Promise.allSettled(interested.filter(({ prioritizes }) => prioritizes).map((extender) => extender.prioritize(pod.pod, feasible)))
  for (const outcome of added) {
    // An extender that gives no scores leaves the choice to the others.
    if (outcome.status === 'rejected') continue
    feasible.forEach((node, i) => (totals[i]! += outcome.value.get(node.name) ?? 0))
  }
  return { node: pickBest(feasible, totals, options.random), state, feasible: feasible.length, evaluated }
}
