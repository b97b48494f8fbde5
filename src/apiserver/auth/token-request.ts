/** serviceaccounts/token: a token for an account, bound to an object that must live on (upstream: registry/core/serviceaccount/storage/token.go). */
import type { Clock } from '../../base/env.ts'
import type { TokenRequest, TokenRequestSpec } from '../../api/generated/types/authentication-v1.ts'
import type { ServiceAccount } from '../../api/generated/types/core-v1.ts'
import { nodes, pods, secrets, serviceAccounts } from '../../api/generated/resources.ts'
import { badRequest, conflict, invalid, notFound } from '../../api/meta/errors.ts'
import { fieldInvalid } from '../../api/meta/field-errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { ApiRequest } from '../handler.ts'
import type { Objects } from './objects.ts'
import type { Ref, TokenIssuer, TokenOrder } from './service-account-tokens.ts'

export interface TokenRequestOptions {
  readonly clock: Clock
  readonly objects: Objects
  readonly issuer: TokenIssuer
  readonly apiAudiences: readonly string[]
  /** 0: no limit. */
  readonly maxExpirationSeconds: number
  /** Old clients do not read their token again: theirs lives on for a year, with a warning from its asked end. */
  readonly extendExpiration: boolean
  /** Validating admission of the request. */
  readonly validate?: (request: TokenRequest) => Promise<void>
}

const minExpirationSeconds = 600
const maxExpirationSeconds = 2 ** 32
const defaultExpirationSeconds = 3600
const warnOnlySeconds = 3607
const extendedSeconds = 365 * 24 * 3600
const kind = { group: 'authentication.k8s.io', kind: 'TokenRequest' }

export async function createToken(object: KubeObject, request: ApiRequest, options: TokenRequestOptions): Promise<KubeObject> {
  const { namespace, name } = request.info
  const wanted = object as unknown as TokenRequest
  checkIdentity(wanted, namespace, name)
  const account = await options.objects.get(serviceAccounts, namespace, name)
  if (account === undefined) throw notFound({ resource: 'serviceaccounts' }, name)
  const uid = account.metadata?.uid ?? ''
  const asked = wanted.metadata?.uid
  if (asked !== undefined && asked !== '' && asked !== uid) {
    throw conflict({ group: kind.group, resource: kind.kind }, name,
      `the UID in the token request (${asked}) does not match the UID of the service account (${uid})`)
  }
  const named = wanted.spec?.audiences ?? []
  const audiences = named.length > 0 ? named : [...options.apiAudiences]
  const seconds = checkedExpiration(wanted, request.warnings, options)
  const spec: TokenRequestSpec = { ...wanted.spec, audiences, expirationSeconds: seconds }
  const now = options.clock.now()
  const metadata = {
    ...wanted.metadata, name, namespace, uid, creationTimestamp: rfc3339(now),
  }
  const order = await boundOrder(spec, account, options)
  const admitted = { kind: 'TokenRequest', apiVersion: `${kind.group}/v1`, metadata, spec }
  await options.validate?.(admitted as unknown as TokenRequest)
  const { token, id } = options.issuer.issue(order)
  request.audit['authentication.kubernetes.io/issued-credential-id'] = `JTI=${id}`
  return { ...admitted, status: { token, expirationTimestamp: rfc3339(now + seconds * 1000) } } as unknown as KubeObject
}

export const rfc3339 = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

function checkIdentity({ metadata }: TokenRequest, namespace: string, name: string): void {
  const wrong = (field: string, value: string, what: string) =>
    invalid(kind, name, [fieldInvalid(`metadata.${field}`, value, `must match the service account ${what} if specified`)])
  if (metadata?.name !== undefined && metadata.name !== '' && metadata.name !== name) throw wrong('name', metadata.name, 'name')
  if (metadata?.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== namespace) {
    throw wrong('namespace', metadata.namespace, 'namespace')
  }
}

function checkedExpiration({ spec }: TokenRequest, warnings: string[], options: TokenRequestOptions): number {
  const seconds = spec?.expirationSeconds ?? defaultExpirationSeconds
  const path = 'spec.expirationSeconds'
  if (seconds < minExpirationSeconds) throw invalid(kind, '', [fieldInvalid(path, seconds, 'may not specify a duration less than 10 minutes')])
  if (seconds > maxExpirationSeconds) throw invalid(kind, '', [fieldInvalid(path, seconds, 'may not specify a duration larger than 2^32 seconds')])
  const limit = options.maxExpirationSeconds
  if (limit === 0 || seconds <= limit) return seconds
  warnings.push(`requested expiration of ${seconds} seconds shortened to ${limit} seconds`)
  return limit
}

async function boundOrder(spec: TokenRequestSpec, account: ServiceAccount, options: TokenRequestOptions): Promise<TokenOrder> {
  const namespace = account.metadata?.namespace ?? ''
  const base = {
    namespace, account: refOf(account), audiences: spec.audiences ?? [], expirationSeconds: spec.expirationSeconds ?? defaultExpirationSeconds,
  }
  const ref = spec.boundObjectRef
  if (ref === undefined) return base
  const name = ref.name ?? ''
  const what = `${ref.apiVersion ?? ''}/${ref.kind ?? ''}`
  const { objects } = options
  switch (what) {
    case 'v1/Pod': {
      const pod = required(await objects.get(pods, namespace, name), 'pods', name)
      if (pod.spec?.serviceAccountName !== account.metadata?.name) {
        throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(account.metadata?.name)} to pod running with different serviceaccount name.`)
      }
      checkUid(ref.uid, pod, 'Pod', name)
      const nodeName = pod.spec?.nodeName ?? ''
      const node = nodeName === '' ? undefined : await objects.get(nodes, '', nodeName)
      const bound: TokenOrder = {
        ...base, pod: refOf(pod),
        ...(nodeName === '' ? {} : { node: { name: nodeName, ...(node === undefined ? {} : { uid: node.metadata?.uid }) } }),
      }
      return extended(bound, options)
    }
    case 'v1/Secret': {
      const secret = required(await objects.get(secrets, namespace, name), 'secrets', name)
      checkUid(ref.uid, secret, 'Secret', name)
      return { ...base, secret: refOf(secret) }
    }
    case 'v1/Node': {
      const node = required(await objects.get(nodes, '', name), 'nodes', name)
      checkUid(ref.uid, node, 'Node', name)
      return { ...base, node: refOf(node) }
    }
    default:
      throw badRequest(`cannot bind token to object of type ${ref.apiVersion ?? ''}, Kind=${ref.kind ?? ''}`)
  }
}

/** Only the kubelet's own tokens for the API server itself are prolonged; it asks for just this odd length. */
function extended(order: TokenOrder, options: TokenRequestOptions): TokenOrder {
  const forServer = order.audiences.every((audience) => options.apiAudiences.includes(audience))
  if (!options.extendExpiration || order.expirationSeconds !== warnOnlySeconds || !forServer) return order
  return { ...order, warnAfterSeconds: order.expirationSeconds, expirationSeconds: extendedSeconds }
}

function required<T>(object: T | undefined, resource: string, name: string): T {
  if (object === undefined) throw notFound({ resource }, name)
  return object
}

function refOf(object: { metadata?: { name?: string; uid?: string } }): Ref {
  return { name: object.metadata?.name ?? '', uid: object.metadata?.uid ?? '' }
}

function checkUid(wanted: string | undefined, object: { metadata?: { uid?: string } }, kindName: string, name: string): void {
  if (wanted === undefined || wanted === '' || wanted === object.metadata?.uid) return
  throw conflict({ resource: kindName }, name,
    `the UID in the bound object reference (${wanted}) does not match the UID in record. The object might have been deleted and then recreated`)
}
