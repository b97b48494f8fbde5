import type { Diagnosis } from './framework.ts'

/** "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable." (framework/types.go FitError). */
export function fitMessage(nodeCount: number, diagnosis: Pick<Diagnosis, 'verdicts' | 'absent' | 'preFilterMessage' | 'postFilterMessage'>): string {
  let message = `0/${nodeCount} nodes are available:`
  if (diagnosis.preFilterMessage === '') {
    const counts = new Map<string, number>()
    const add = (reasons: readonly string[], by: number) => {
      for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + by)
    }
    for (const { reasons } of diagnosis.verdicts.values()) add(reasons, 1)
    if (diagnosis.verdicts.size < nodeCount) add(diagnosis.absent?.reasons ?? [], nodeCount - diagnosis.verdicts.size)
    const sorted = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
    if (sorted.length > 0) message += ` ${sorted.join(', ')}.`
  } else {
    message += ` ${diagnosis.preFilterMessage}.`
  }
  return diagnosis.postFilterMessage === '' ? message : `${message} ${diagnosis.postFilterMessage}`
}
