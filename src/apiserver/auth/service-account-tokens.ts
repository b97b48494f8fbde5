/** Tokens of service accounts: issuing and checking (upstream: pkg/serviceaccount). */
import type { Clock, Random } from '../../base/env.ts'
import { nodes, pods, secrets, serviceAccounts } from '../../api/generated/resources.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { UserInfo } from '../handler.ts'
import type { TokenAuthenticator, TokenResult } from './contract.ts'
import { type Claims, type SigningKey, type VerifyingKey, peekClaims, signToken, verifySignature } from './jwt.ts'
import type { Objects } from './objects.ts'
import { serviceAccountGroups, serviceAccountUserName } from './service-account-names.ts'

export interface Ref {
  readonly name: string
  readonly uid: string
}

interface KubernetesClaims {
  readonly namespace?: string
  readonly serviceaccount?: Ref
  readonly pod?: Ref
  readonly secret?: Ref
  readonly node?: { readonly name: string; readonly uid?: string }
  readonly warnafter?: number
}

export interface TokenOrder {
  readonly namespace: string
  readonly account: Ref
  readonly pod?: Ref
  readonly secret?: Ref
  readonly node?: { readonly name: string; readonly uid?: string }
  readonly audiences: readonly string[]
  readonly expirationSeconds: number
  readonly warnAfterSeconds?: number
}

export interface TokenIssuer {
  readonly issuer: string
  /** The token and its id. */
  issue(order: TokenOrder): { token: string; id: string }
}

export function createTokenIssuer(clock: Clock, random: Random, issuer: string, key: SigningKey): TokenIssuer {
  return {
    issuer,
    issue(order) {
      const now = Math.floor(clock.now() / 1000)
      const id = random.uuid()
      // Names in the order in which Go's maps print them.
      const kubernetes: KubernetesClaims = {
        namespace: order.namespace,
        ...(order.node === undefined ? {} : { node: order.node }),
        ...(order.pod === undefined ? {} : { pod: order.pod }),
        ...(order.secret === undefined ? {} : { secret: order.secret }),
        serviceaccount: order.account,
        ...(order.warnAfterSeconds === undefined ? {} : { warnafter: now + order.warnAfterSeconds }),
      }
      const claims: Claims = {
        aud: [...order.audiences], exp: now + order.expirationSeconds, iat: now, iss: issuer, jti: id,
        'kubernetes.io': kubernetes, nbf: now, sub: serviceAccountUserName(order.namespace, order.account.name),
      }
      return { token: signToken(key, claims), id }
    },
  }
}

/** Claims of the tokens that the token controller writes into secrets. */
export function legacyClaims(namespace: string, account: Ref, secretName: string): Claims {
  return {
    iss: legacyIssuer, 'kubernetes.io/serviceaccount/namespace': namespace,
    'kubernetes.io/serviceaccount/secret.name': secretName,
    'kubernetes.io/serviceaccount/service-account.name': account.name,
    'kubernetes.io/serviceaccount/service-account.uid': account.uid,
    sub: serviceAccountUserName(namespace, account.name),
  }
}

export const legacyIssuer = 'kubernetes/serviceaccount'
/** Clocks may differ by this much; objects deleted less than this ago still count. */
const leewayMs = 60_000
const credentialPrefix = 'authentication.kubernetes.io/'

export interface ServiceAccountOptions {
  readonly issuers: readonly string[]
  readonly keys: readonly VerifyingKey[]
  /** What a token without audiences is taken to be for. */
  readonly apiAudiences: readonly string[]
}

/** Knows bound tokens of our issuers and legacy ones. Throws with upstream's text for a token that is ours and bad. */
export function serviceAccountAuthenticator(clock: Clock, objects: Objects, options: ServiceAccountOptions): TokenAuthenticator {
  return {
    name: 'service-account',
    async authenticateToken(token, audiences) {
      const claims = peekClaims(token)
      const legacy = claims?.iss === legacyIssuer
      if (claims === undefined || typeof claims.iss !== 'string' || (!legacy && !options.issuers.includes(claims.iss))) return undefined
      if (!verifySignature(token, options.keys)) throw new Error('invalid bearer token: square/go-jose: error in cryptographic primitive')
      const named = claims.aud === undefined ? [] : Array.isArray(claims.aud) ? claims.aud : [claims.aud]
      const mine = named.length === 0 ? options.apiAudiences : named
      const shared = audiences.filter((audience) => mine.includes(audience))
      if (shared.length === 0 && audiences.length > 0) {
        throw new Error(`token audiences ${JSON.stringify(mine)} is invalid for the target audiences ${JSON.stringify(audiences)}`)
      }
      const user = legacy ? await checkLegacy(claims, token, objects, clock) : await checkBound(claims, objects, clock)
      return { user, audiences: shared } satisfies TokenResult
    },
  }
}

function checkTimes(claims: Claims, now: number): void {
  if (typeof claims.exp === 'number' && now - leewayMs > claims.exp * 1000) throw new Error('service account token has expired')
  if (typeof claims.nbf === 'number' && now + leewayMs < claims.nbf * 1000) throw new Error('service account token is not valid yet')
  if (typeof claims.iat === 'number' && now + leewayMs < claims.iat * 1000) throw new Error('service account token is issued in the future')
}

async function checkBound(claims: Claims, objects: Objects, clock: Clock): Promise<UserInfo> {
  const now = clock.now()
  checkTimes(claims, now)
  const { namespace, serviceaccount, pod, secret, node } = (claims['kubernetes.io'] ?? {}) as KubernetesClaims
  if (namespace === undefined || serviceaccount === undefined) throw new Error('service account token claims could not be validated')
  const account = await objects.get(serviceAccounts, namespace, serviceaccount.name)
  if (account === undefined) throw new Error(`serviceaccounts ${JSON.stringify(serviceaccount.name)} not found`)
  if (account.metadata?.uid !== serviceaccount.uid) {
    throw new Error(`service account UID (${account.metadata?.uid}) does not match claim (${serviceaccount.uid})`)
  }
  if (isLongGone(account, now)) throw new Error(`service account ${namespace}/${serviceaccount.name} has been deleted`)
  if (secret !== undefined) checkHolder(await objects.get(secrets, namespace, secret.name), secret, 'secret', 'service account secret ref claim', now)
  if (pod !== undefined) checkHolder(await objects.get(pods, namespace, pod.name), pod, 'pod', 'service account pod ref claim', now)
  else if (node !== undefined) {
    checkHolder(await objects.get(nodes, '', node.name), { name: node.name, uid: node.uid ?? '' }, 'node', 'service account node ref claim', now)
  }
  return userOf(namespace, serviceaccount, {
    ...(claims.jti === undefined ? {} : { 'credential-id': `JTI=${claims.jti}` }),
    ...(pod === undefined ? {} : { 'pod-name': pod.name, 'pod-uid': pod.uid }),
    ...(node === undefined ? {} : { 'node-name': node.name, 'node-uid': node.uid }),
  })
}

/** The object that a token is bound to must still be the same one. */
function checkHolder(holder: object | undefined, ref: Ref, what: string, claim: string, now: number): void {
  if (holder === undefined) throw new Error('service account token has been invalidated')
  const { metadata } = holder as KubeObject
  if (metadata.uid !== ref.uid) throw new Error(`${what} UID (${metadata.uid}) does not match ${claim} (${ref.uid})`)
  if (isLongGone(holder, now)) throw new Error('service account token has been invalidated')
}

function isLongGone(object: object, now: number): boolean {
  const deleted = (object as KubeObject).metadata.deletionTimestamp
  return deleted !== undefined && Date.parse(deleted) < now - leewayMs
}

async function checkLegacy(claims: Claims, token: string, objects: Objects, clock: Clock): Promise<UserInfo> {
  const claim = (name: string): string => {
    const value = claims[`kubernetes.io/serviceaccount/${name}`]
    return typeof value === 'string' ? value : ''
  }
  const namespace = claim('namespace')
  const account: Ref = { name: claim('service-account.name'), uid: claim('service-account.uid') }
  const secretName = claim('secret.name')
  for (const [what, value] of [['namespace', namespace], ['serviceAccountName', account.name], ['serviceAccountUID', account.uid], ['secretName', secretName]]) {
    if (value === '') throw new Error(`${what} claim is missing`)
  }
  if (claims.sub !== serviceAccountUserName(namespace, account.name)) throw new Error('sub claim is invalid')
  const secret = await objects.get(secrets, namespace, secretName)
  const now = clock.now()
  if (secret === undefined || isLongGone(secret, now)) throw new Error('service account token has been invalidated')
  if (Buffer.from(secret.data?.['token'] ?? '', 'base64').toString('utf8') !== token) throw new Error('token does not match server\'s copy')
  const stored = await objects.get(serviceAccounts, namespace, account.name)
  if (stored === undefined) throw new Error(`serviceaccounts ${JSON.stringify(account.name)} not found`)
  if (isLongGone(stored, now)) throw new Error(`serviceaccount ${namespace}/${account.name} has been deleted`)
  if (stored.metadata?.uid !== account.uid) throw new Error(`serviceaccount UID (${stored.metadata?.uid}) does not match claim (${account.uid})`)
  return userOf(namespace, account, {})
}

function userOf(namespace: string, account: Ref, extra: Readonly<Record<string, string | undefined>>): UserInfo {
  const shown = Object.entries(extra).flatMap(([key, value]) => (value === undefined || value === '' ? [] : [[credentialPrefix + key, [value]] as const]))
  return {
    name: serviceAccountUserName(namespace, account.name), uid: account.uid, groups: serviceAccountGroups(namespace),
    ...(shown.length === 0 ? {} : { extra: Object.fromEntries(shown) }),
  }
}
