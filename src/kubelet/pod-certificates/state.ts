/** The life of a pod's certificate: asked for, waited for, held, renewed. Pure. Upstream: pkg/kubelet/podcertificate. */
import type { PodCertificateRequest } from '../../api/generated/types/certificates-v1beta1.ts'
import { parseTime } from '../../api/meta/time.ts'
import { pemBlocks, pemText } from '../../api/meta/pem.ts'

/** A request that was made and not answered yet. */
export interface Asked {
  /** PEM. */
  readonly key: string
  /** Name of the PodCertificateRequest. */
  readonly request: string
  /** ms since the epoch: not to be seen by then, somebody has deleted it. */
  readonly abandonAt: number
}

interface Held {
  readonly kind: 'held'
  readonly key: string
  readonly chain: string
  readonly refreshAt: number
  readonly notAfter: number
  /** Events that were told of this certificate. */
  readonly told: readonly string[]
  readonly renewal: Asked | undefined
}

export type CertificateState = { readonly kind: 'initial' } | { readonly kind: 'waiting'; readonly asked: Asked } | Held |
  { readonly kind: 'denied' | 'failed'; readonly reason: string; readonly message: string }

export interface Decision {
  readonly state: CertificateState
  readonly events: readonly { readonly reason: string; readonly message: string }[]
  /** A request is to be made. */
  readonly ask: boolean
}

/** ms after which a request that is not seen counts as deleted. */
export const abandonAfterMs = 600_000
const overdueAfterMs = 600_000

/** `seen`: the request that the state waits for, where there is one. `jitterMs`: of a renewal. */
export function decide(state: CertificateState, seen: PodCertificateRequest | undefined, now: number, jitterMs: number): Decision {
  if (state.kind === 'denied' || state.kind === 'failed') return { state, events: [], ask: false }
  const asked = waitsFor(state)
  if (asked !== undefined && seen !== undefined) {
    const answered = answer(asked, seen, jitterMs)
    if (answered !== undefined) return answered
  }
  const abandoned = asked !== undefined && seen === undefined && now > asked.abandonAt
  if (state.kind !== 'held') return { state: abandoned ? { kind: 'initial' } : state, events: [], ask: asked === undefined || abandoned }
  const renewal = abandoned ? undefined : state.renewal
  if (now < state.refreshAt) return { state: { ...state, renewal }, events: [], ask: false }
  const due = [
    ...(now > state.refreshAt + overdueAfterMs ? [{ reason: 'CertificateOverdueForRefresh', message: 'PodCertificate refresh overdue' }] : []),
    ...(now > state.notAfter ? [{ reason: 'CertificateExpired', message: 'PodCertificate expired' }] : []),
  ]
  const events = due.filter(({ reason }) => !state.told.includes(reason))
  return { state: { ...state, renewal, told: [...state.told, ...events.map(({ reason }) => reason)] }, events, ask: renewal === undefined }
}

/** The request whose answer the state waits for. */
export function waitsFor(state: CertificateState): Asked | undefined {
  if (state.kind === 'waiting') return state.asked
  return state.kind === 'held' ? state.renewal : undefined
}

/** The state once a request has been made. */
export function withRequest(state: CertificateState, asked: Asked): CertificateState {
  return state.kind === 'held' ? { ...state, renewal: asked } : { kind: 'waiting', asked }
}

function answer(asked: Asked, { metadata, status = {} }: PodCertificateRequest, jitterMs: number): Decision | undefined {
  for (const { type, reason, message } of status.conditions ?? []) {
    if (type === 'Issued') {
      const chain = pemBlocks(status.certificateChain ?? '').map(({ bytes }) => pemText('CERTIFICATE', bytes)).join('')
      const refreshAt = (parseTime(status.beginRefreshAt ?? '') ?? 0) + jitterMs
      return { state: { kind: 'held', key: asked.key, chain, refreshAt, notAfter: parseTime(status.notAfter ?? '') ?? 0, told: [], renewal: undefined }, events: [], ask: false }
    }
    if (type !== 'Denied' && type !== 'Failed') continue
    const verb = type === 'Denied' ? 'was denied' : 'failed'
    const text = `PodCertificateRequest ${metadata.namespace}/${metadata.name} ${verb}, reason=${JSON.stringify(reason)}, message=${JSON.stringify(message)}`
    return { state: { kind: type === 'Denied' ? 'denied' : 'failed', reason, message }, events: [{ reason: type, message: text }], ask: false }
  }
  return undefined
}

export interface CredentialBundle {
  /** PEM. */
  readonly key: string
  readonly chain: string
}

/** What a volume gets of the state. Throws Error with upstream's text. */
export function bundleOf(state: CertificateState): CredentialBundle {
  if (state.kind === 'held') return { key: state.key, chain: state.chain }
  if (state.kind === 'denied' || state.kind === 'failed') {
    throw new Error(`PodCertificateRequest was permanently ${state.kind}: reason=${JSON.stringify(state.reason)} message=${JSON.stringify(state.message)}`)
  }
  throw new Error('credential bundle is not issued yet')
}

/** Of the metric kubelet_podcertificate_states. */
export function metricState(state: CertificateState, now: number): string {
  if (state.kind === 'initial' || state.kind === 'waiting') return 'not_yet_issued'
  if (state.kind !== 'held') return state.kind
  if (now > state.notAfter) return 'expired'
  return now > state.refreshAt + overdueAfterMs ? 'overdue_for_refresh' : 'fresh'
}
