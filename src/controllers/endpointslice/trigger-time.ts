/** When what an endpoints object shows began to be so (upstream: k8s.io/endpointslice/util/trigger_time_tracker.go). */
import type { Pod, Service } from '../../api/generated/types/core-v1.ts'
import { podCondition } from '../../api/helpers/pod-conditions.ts'

export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

interface State {
  service: string
  /** By the pod's name. */
  readonly pods: Map<string, string>
}

/** Remembers, by service, what was seen last. Times are RFC 3339 text, which sorts as the times do. */
export class TriggerTimes {
  readonly #states = new Map<string, State>()

  /** The earliest change since the last call for the service; undefined when there was none. */
  next(key: string, service: Service, pods: readonly Pod[]): string | undefined {
    const first = !this.#states.has(key)
    const state = this.#states.get(key) ?? { service: '', pods: new Map<string, string>() }
    const created = service.metadata.creationTimestamp ?? ''
    let earliest: string | undefined
    const consider = (time: string): void => {
      if (earliest === undefined || time < earliest) earliest = time
    }
    let timed = 0
    for (const pod of pods) {
      const time = podCondition(pod, 'Ready')?.lastTransitionTime ?? ''
      if (time === '') continue
      timed++
      const name = pod.metadata.name ?? ''
      const before = state.pods.get(name) ?? ''
      if (time > before) consider(time)
      if (time !== before) state.pods.set(name, time)
    }
    if (created > state.service) consider(created)
    state.service = created
    this.#states.set(key, state)
    if (state.pods.size > timed) forgetOthers(state.pods, pods)
    if (first) return created === '' ? undefined : created
    return earliest
  }

  forget(key: string): void {
    this.#states.delete(key)
  }
}

/** Pods that the service no longer has. */
function forgetOthers(times: Map<string, string>, pods: readonly Pod[]): void {
  const names = new Set(pods.filter((pod) => (podCondition(pod, 'Ready')?.lastTransitionTime ?? '') !== '').map(({ metadata }) => metadata.name ?? ''))
  for (const name of times.keys()) if (!names.has(name)) times.delete(name)
}

/** Annotations with the time, or without it when nothing has triggered the change. */
export function withTriggerTime(annotations: Readonly<Record<string, string>> | undefined, time: string | undefined): Record<string, string> {
  const { [triggerTimeAnnotation]: _, ...rest } = annotations ?? {}
  return time === undefined ? rest : { ...rest, [triggerTimeAnnotation]: time }
}
