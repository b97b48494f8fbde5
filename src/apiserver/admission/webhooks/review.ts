/** AdmissionReview: what is asked and what an answer has to be (upstream: plugin/webhook/request, admission/v1 and v1beta1). */
import { type Status, StatusError } from '../../../api/meta/errors.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import type { Attributes } from '../contract.ts'
import type { Seen } from './invocation.ts'

export type ReviewVersion = 'v1' | 'v1beta1'

/** The newest version that we speak among those that the webhook takes, in its order of preference. */
export function reviewVersionOf(accepted: readonly string[] | undefined): ReviewVersion | undefined {
  return accepted?.find((version): version is ReviewVersion => version === 'v1' || version === 'v1beta1')
}

export interface ReviewInput {
  readonly version: ReviewVersion
  readonly uid: string
  readonly attributes: Attributes
  readonly seen: Seen
  readonly object: KubeObject | undefined
  readonly oldObject: KubeObject | undefined
}

/** The question as JSON. */
export function reviewRequest({ version, uid, attributes, seen, object, oldObject }: ReviewInput): string {
  const { kind, resource, subresource, name, namespace, operation, user, dryRun, options } = attributes
  const groupVersionKind = (k: Seen['kind']) => ({ group: k.group, version: k.version, kind: k.kind })
  const groupVersionResource = (r: Seen['resource']) => ({ group: r.group, version: r.version, resource: r.resource })
  return JSON.stringify({
    kind: 'AdmissionReview', apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid, kind: groupVersionKind(seen.kind), resource: groupVersionResource(seen.resource), ...given('subResource', subresource),
      requestKind: groupVersionKind(kind), requestResource: groupVersionResource(resource), ...given('requestSubResource', subresource),
      ...given('name', name), ...given('namespace', namespace), operation,
      userInfo: {
        ...given('username', user.name), ...given('uid', user.uid ?? ''), ...(user.groups.length === 0 ? {} : { groups: user.groups }),
        ...(user.extra === undefined || Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
      },
      object: object ?? null, oldObject: oldObject ?? null, dryRun, options: options ?? null,
    },
  })
}

function given(field: string, value: string): Record<string, string> {
  return value === '' ? {} : { [field]: value }
}

export interface ReviewAnswer {
  readonly allowed: boolean
  readonly auditAnnotations: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
  /** Decoded from base64; '' without one. */
  readonly patch: string
  readonly patchType: string
  readonly result: Partial<Status> | undefined
}

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads an answer. Throws an Error that says what is wrong with it. */
export function readAnswer(answer: unknown, version: ReviewVersion, uid: string, mutating: boolean): ReviewAnswer {
  const response = isFields(answer) ? answer['response'] : undefined
  if (!isFields(answer) || !isFields(response)) throw new Error('webhook response was absent')
  const patch = typeof response['patch'] === 'string' ? Buffer.from(response['patch'], 'base64').toString('utf8') : ''
  const patchType = typeof response['patchType'] === 'string' ? response['patchType'] : undefined
  if (version === 'v1') {
    checkIdentity(answer, response, uid)
    checkPatch(patch, patchType, mutating)
  }
  return {
    allowed: response['allowed'] === true, auditAnnotations: texts(response['auditAnnotations']),
    warnings: Array.isArray(response['warnings']) ? response['warnings'].map(String) : [],
    patch: mutating ? patch : '', patchType: version === 'v1beta1' && patch !== '' ? 'JSONPatch' : patchType ?? '',
    result: isFields(response['status']) ? response['status'] as Partial<Status> : undefined,
  }
}

function checkIdentity(answer: Fields, response: Fields, uid: string): void {
  const given = typeof response['uid'] === 'string' ? response['uid'] : ''
  if (given !== uid) throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(given)}`)
  const kind = typeof answer['kind'] === 'string' ? answer['kind'] : ''
  const apiVersion = typeof answer['apiVersion'] === 'string' ? answer['apiVersion'] : ''
  if (kind !== 'AdmissionReview' || apiVersion !== 'admission.k8s.io/v1') {
    throw new Error(`expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${apiVersion === '' ? '/' : apiVersion}, Kind=${kind}`)
  }
}

function checkPatch(patch: string, patchType: string | undefined, mutating: boolean): void {
  if (!mutating) {
    if (patch !== '') throw new Error('validating webhook may not return response.patch')
    if (patchType !== undefined) throw new Error('validating webhook may not return response.patchType')
    return
  }
  if (patch !== '' && patchType === undefined) throw new Error('webhook returned response.patch but not response.patchType')
  if (patch === '' && patchType !== undefined) throw new Error('webhook returned response.patchType but not response.patch')
  if (patchType === '') throw new Error('webhook returned invalid response.patchType of ""')
}

function texts(value: unknown): Record<string, string> {
  return isFields(value) ? Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)])) : {}
}

/** The refusal as the client gets it (upstream: plugin/webhook/errors ToStatusErr). */
export function deniedBy(webhook: string, result: Partial<Status> | undefined): StatusError {
  const head = `admission webhook ${JSON.stringify(webhook)} denied the request`
  const code = result?.code ?? 0
  const message = result?.message ? `${head}: ${result.message}` : result?.reason ? `${head}: ${result.reason}` : `${head} without explanation`
  return new StatusError({
    ...result, kind: 'Status', apiVersion: 'v1', metadata: result?.metadata ?? {}, status: 'Failure', message, code: code < 400 ? 400 : code,
  })
}
