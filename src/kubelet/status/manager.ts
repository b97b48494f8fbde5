/**
 * Keeps what the kubelet last said of each pod and brings it to the API server: one patch at a time a pod, the newest
 * state wins, failures are tried again. Deletes a pod there when it has ended here. Upstream: pkg/kubelet/status.
 */
import type { Clock, Logger, Tasks } from '../../base/env.ts'
import type { Pod, PodStatus } from '../../api/generated/types/core-v1.ts'
import { pods } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { Client } from '../../client/client.ts'
import { type AnyContainer, containerShouldRestart, isMirrorPod, isStaticPod, isTerminalPhase, podUid, statusOf } from '../pod.ts'
import { allCouldRestart } from '../restart-all.ts'
import { isOwnedByKubelet, terminalConditions } from './conditions.ts'
import { diffStatus, sameStatus } from './patch.ts'

interface Entry {
  status: PodStatus
  finished: boolean
  version: number
  /** Version the API server has. */
  sent: number
  sending: boolean
  failures: number
  name: string
  namespace: string
}

export interface StatusManager {
  get(uid: string): PodStatus | undefined
  set(pod: Pod, status: PodStatus): void
  /** The pod has ended and nothing of it is left: its containers get an end, and the API object goes when it was deleted. */
  terminate(pod: Pod): void
  /** Sends again what the API server does not show. */
  reconcile(apiPod: Pod): void
  forget(uid: string): void
}

export interface StatusManagerEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly tasks: Tasks
  /** undefined: nobody to tell (a kubelet with static pods only). */
  readonly client: Client | undefined
  /** The pod as the API server has it: for a static pod its mirror. */
  apiPod(uid: string): Pod | undefined
  couldHaveRunningContainers(uid: string): boolean
}

const firstRetryMs = 500
const lastRetryMs = 10_000
const unknownEnd = {
  reason: 'ContainerStatusUnknown', exitCode: 137, message: 'The container could not be located when the pod was terminated',
}

export function createStatusManager(env: StatusManagerEnv): StatusManager {
  const entries = new Map<string, Entry>()

  function store(pod: Pod, status: PodStatus, force: boolean, finished: boolean): void {
    const uid = podUid(pod)
    const known = entries.get(uid)
    const old = known?.status ?? env.apiPod(uid)?.status ?? pod.status ?? {}
    const illegal = illegalTransition(pod, old, status)
    if (illegal !== undefined) return env.log.error('status was not taken', { pod: pod.metadata.name, why: illegal })
    const next = normalize(pod, status, old, formatTime(env.clock.now()))
    if (known !== undefined && !force && sameStatus(known.status, next)) return
    const entry: Entry = known ?? { status: next, finished, version: 0, sent: 0, sending: false, failures: 0, name: pod.metadata.name!, namespace: pod.metadata.namespace! }
    entry.status = next
    entry.finished ||= finished
    entry.version++
    entries.set(uid, entry)
    send(uid, entry)
  }

  function send(uid: string, entry: Entry): void {
    if (entry.sending || env.client === undefined) return
    entry.sending = true
    env.tasks.go('pod status', async (signal) => {
      try {
        while (entries.get(uid) === entry && entry.sent < entry.version) {
          const version = entry.version
          await sync(env.client!, uid, entry, signal)
          entry.sent = version
          entry.failures = 0
        }
        entry.sending = false
      } catch (error) {
        entry.sending = false
        if (signal.aborted) return
        env.log.warn('pod status was not sent', { pod: entry.name, namespace: entry.namespace, error })
        env.clock.setTimeout(() => {
          if (entries.get(uid) === entry) send(uid, entry)
        }, Math.min(lastRetryMs, firstRetryMs * 2 ** entry.failures++))
      }
    })
  }

  async function sync(client: Client, uid: string, entry: Entry, signal: AbortSignal): Promise<void> {
    const { name, namespace } = entry
    try {
      let apiPod = env.apiPod(uid) ?? (await client.get(pods, { name, namespace }, { signal }))
      const apiUid = podUid(apiPod)
      if (apiUid !== uid && !isMirrorPod(apiPod)) return forget(uid)
      const merged = mergeStatus(apiPod, entry.status, env.couldHaveRunningContainers(uid))
      const patch = diffStatus(apiPod.status ?? {}, merged)
      if (patch !== undefined) {
        apiPod = await client.patch(pods, { name, namespace }, 'strategic', { metadata: { uid: apiUid }, status: patch }, { subresource: 'status', signal })
      }
      if (apiPod.metadata.deletionTimestamp === undefined || isMirrorPod(apiPod) || !entry.finished || !isTerminalPhase(apiPod.status?.phase)) return
      await client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid: apiUid }, signal })
      forget(uid)
    } catch (error) {
      // Gone, or another pod of that name: nobody to tell.
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
      if (isStatus(error, 'Conflict') && env.apiPod(uid) !== undefined) throw error
    }
  }

  function forget(uid: string): void {
    entries.delete(uid)
  }

  return {
    get: (uid) => entries.get(uid)?.status,
    set: (pod, status) => store(pod, status, pod.metadata.deletionTimestamp !== undefined, false),
    terminate(pod) {
      const status = entries.get(podUid(pod))?.status ?? pod.status ?? {}
      store(pod, endAll(pod, status), true, true)
    },
    reconcile(apiPod) {
      const uid = podUid(apiPod)
      const entry = entries.get(uid)
      if (entry === undefined || entry.sending) return
      if (diffStatus(apiPod.status ?? {}, mergeStatus(apiPod, entry.status, env.couldHaveRunningContainers(uid))) === undefined) return
      entry.version++
      send(uid, entry)
    },
    forget,
  }
}

/** The status as it goes to the API server: conditions of others kept, no terminal phase while something runs. */
export function mergeStatus(apiPod: Pod, status: PodStatus, couldRun: boolean): PodStatus {
  const old = apiPod.status ?? {}
  const becomesTerminal = !isTerminalPhase(old.phase) && isTerminalPhase(status.phase)
  const foreign = (old.conditions ?? []).filter(({ type }) => !isOwnedByKubelet(type))
  let conditions = [...foreign, ...(status.conditions ?? []).filter(({ type }) => isOwnedByKubelet(type))]
  const disruption = status.conditions?.find(({ type }) => type === 'DisruptionTarget')
  if (disruption !== undefined && becomesTerminal && !couldRun) conditions = [...conditions.filter(({ type }) => type !== 'DisruptionTarget'), disruption]
  const merged: PodStatus = { ...status, conditions }
  if (becomesTerminal && couldRun) {
    merged.phase = old.phase
    merged.reason = old.reason
    merged.message = old.message
  }
  if (merged.phase === 'Failed' || merged.phase === 'Succeeded') merged.conditions = terminalConditions(conditions, merged.phase)
  return merged
}

/** Times of transitions and of the start kept from before. */
function normalize(pod: Pod, status: PodStatus, old: PodStatus, now: string): PodStatus {
  const conditions = (status.conditions ?? []).map((condition) => {
    const before = old.conditions?.find(({ type }) => type === condition.type)
    const lastTransitionTime = before?.status === condition.status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : now
    return { lastProbeTime: before?.lastProbeTime ?? undefined, ...condition, lastTransitionTime }
  })
  const observedGeneration = Math.max(status.observedGeneration ?? 0, old.observedGeneration ?? 0)
  const next: PodStatus = { ...status, conditions, startTime: old.startTime ?? status.startTime ?? now }
  if (observedGeneration > 0) next.observedGeneration = observedGeneration
  return limitMessages(pod, next)
}

/** All messages of a pod's containers share 12 KiB. */
function limitMessages(pod: Pod, status: PodStatus): PodStatus {
  const spec = pod.spec!
  const count = spec.containers.length + (spec.initContainers?.length ?? 0) + (spec.ephemeralContainers?.length ?? 0)
  const limit = Math.floor((12 * 1024) / Math.max(1, count))
  for (const list of [status.containerStatuses, status.initContainerStatuses, status.ephemeralContainerStatuses]) {
    for (const [i, container] of (list ?? []).entries()) {
      for (const key of ['state', 'lastState'] as const) {
        const ended = container[key]?.terminated
        const message = ended?.message
        if (message === undefined || Buffer.byteLength(message) <= limit) continue
        list![i] = { ...list![i]!, [key]: { terminated: { ...ended, message: Buffer.from(message).subarray(0, limit).toString('utf8') } } }
      }
    }
  }
  return status
}

/** A container that has ended for good does not run again. Answers upstream's text. */
function illegalTransition(pod: Pod, old: PodStatus, next: PodStatus): string | undefined {
  const spec = pod.spec!
  if (spec.restartPolicy === 'Always' || allCouldRestart(spec)) return undefined
  type Statuses = PodStatus['containerStatuses']
  const check = (what: string, containers: readonly AnyContainer[], before: Statuses, after: Statuses) => {
    for (const status of before ?? []) {
      const ended = status.state?.terminated
      const container = containers.find(({ name }) => name === status.name)
      if (ended === undefined || container === undefined || container.restartPolicy === 'Always') continue
      if (containerShouldRestart(container, spec, ended.exitCode)) continue
      const now = statusOf(after, status.name)
      if (now !== undefined && now.state?.terminated === undefined) return `terminated ${what}container ${status.name} attempted illegal transition to non-terminated state`
    }
    return undefined
  }
  return check('', spec.containers, old.containerStatuses, next.containerStatuses) ??
    check('init ', spec.initContainers ?? [], old.initContainerStatuses, next.initContainerStatuses)
}

/** Whatever has no end gets one: nothing of the pod is left. */
export function endAll(pod: Pod, status: PodStatus): PodStatus {
  const next = { ...status }
  const end = <S extends { state?: { terminated?: unknown } }>(container: S): S =>
    container.state?.terminated === undefined ? { ...container, state: { terminated: unknownEnd } } : container
  if (wasInitialized(pod, status)) next.containerStatuses = status.containerStatuses?.map(end)
  const inits = status.initContainerStatuses
  if (inits !== undefined) {
    const last = inits.findLastIndex(({ state, lastState }) => state?.waiting === undefined || lastState?.terminated !== undefined)
    next.initContainerStatuses = inits.map((container, i) => (i <= Math.max(last, 0) ? end(container) : container))
  }
  if (!isStaticPod(pod) && !isTerminalPhase(status.phase)) next.phase = 'Failed'
  return next
}

function wasInitialized(pod: Pod, status: PodStatus): boolean {
  if ((pod.spec!.initContainers?.length ?? 0) === 0) return true
  if (status.containerStatuses?.some(({ state, lastState }) => lastState?.terminated !== undefined || state?.waiting === undefined) === true) return true
  const last = status.initContainerStatuses?.at(-1)
  return last?.state?.terminated?.exitCode === 0 || last?.lastState?.terminated?.exitCode === 0 || (last?.started === true && last.state?.running !== undefined)
}
