/** When what an endpoints object shows began to be so (upstream: k8s.io/endpointslice/util/trigger_time_tracker.go). */
import type { Pod, Service } from '../../api/generated/types/core-v1.ts'
import { podCondition } from '../../api/helpers/pod-conditions.ts'

export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

interface State {
  service: string
  pods: ReadonlyMap<string, string>
}

/** Remembers, by service, what was seen last. Times are RFC 3339 text, which sorts as the times do. */
export class TriggerTimes {
  readonly #states = new Map<string, State>()

  /** The earliest change since the last call for the service; undefined when there was none. */
  next(key: string, service: Service, pods: readonly Pod[]): string | undefined {
    const known = this.#states.get(key)
    const created = service.metadata.creationTimestamp ?? ''
    const times = new Map<string, string>()
    let earliest: string | undefined
    const consider = (time: string): void => {
      if (earliest === undefined || time < earliest) earliest = time
    }
    for (const pod of pods) {
      const time = podCondition(pod, 'Ready')?.lastTransitionTime ?? ''
      if (time === '') continue
      const name = pod.metadata.name ?? ''
      times.set(name, time)
      if (time > (known?.pods.get(name) ?? '')) consider(time)
    }
    if (created > (known?.service ?? '')) consider(created)
    this.#states.set(key, { service: created, pods: times })
    if (known === undefined) return created === '' ? undefined : created
    return earliest
  }

  forget(key: string): void {
    this.#states.delete(key)
  }
}

/** Annotations with the time, or without it when nothing has triggered the change. */
export function withTriggerTime(annotations: Readonly<Record<string, string>> | undefined, time: string | undefined): Record<string, string> {
  const { [triggerTimeAnnotation]: _, ...rest } = annotations ?? {}
  return time === undefined ? rest : { ...rest, [triggerTimeAnnotation]: time }
}
