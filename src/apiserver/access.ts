/** Who may do what: authenticators, authorizers, reviews and tokens, put together from the options. */
import { goShape } from '../api/codec/go-shape.ts'
import type { Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import type { Informers } from '../client/informer.ts'
import { methodNotAllowed } from '../api/meta/errors.ts'
import type { KubeObject } from '../api/meta/object.ts'
import { schemaOf } from '../api/schema/builtin.ts'
import { applyDefaults } from '../api/schema/default.ts'
import type { Admission } from './admission/contract.ts'
import { attributesOf, forbiddenRequest } from './chain/authorization.ts'
import { audienceAgnostic, bearerAuthenticator, cachedTokens, unionOfTokens } from './auth/authenticators/bearer.ts'
import { bootstrapTokenAuthenticator } from './auth/authenticators/bootstrap-token.ts'
import { requestHeaderAuthenticator } from './auth/authenticators/request-header.ts'
import { tokenFileAuthenticator } from './auth/authenticators/token-file.ts'
import { unionAuthenticator } from './auth/authenticators/union.ts'
import { x509Authenticator } from './auth/authenticators/x509.ts'
import { nodeAuthorizer } from './auth/authorizers/node.ts'
import { informedNodeGraph } from './auth/authorizers/node-source.ts'
import { RbacResolver, rbacAuthorizer } from './auth/authorizers/rbac.ts'
import { informedRbacSource } from './auth/authorizers/rbac-source.ts'
import { alwaysAllowAuthorizer, alwaysDenyAuthorizer, mastersAuthorizer, unionAuthorizer } from './auth/authorizers/union.ts'
import { parseBundle } from './auth/certificates.ts'
import type { Authenticator, Authorizer, PolicyRule, TokenAuthenticator } from './auth/contract.ts'
import { type EscalationContext, withEscalationCheck } from './auth/escalation-check.ts'
import { jsonWebKeys, signingKey, verifyingKeys } from './auth/jwt.ts'
import { type Objects, objectsOf } from './auth/objects.ts'
import { type Review, createReviews } from './auth/reviews.ts'
import { createTokenIssuer, serviceAccountAuthenticator } from './auth/service-account-tokens.ts'
import { createToken, rfc3339 } from './auth/token-request.ts'
import type { ApiRequest, ApiResponse } from './handler.ts'
import { type RequestContext, attributesOf as admissionAttributes, resourceKey } from './handlers/context.ts'
import { gatedNodeRules } from './extend/hooks/gated-controllers.ts'
import { type BodyKind, bodyKindOf, decodeBody } from './handlers/decode.ts'
import { writeOptions } from './handlers/options.ts'
import type { SpecialHandler } from './handlers/index.ts'
import { type ApiServerOptions, type AuthorizationMode, type BuiltinMode, authorizationModes } from './options.ts'
import type { ResourceRegistry } from './registry/resource-registry.ts'

export interface Access {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly virtualHandlers: ReadonlyMap<string, SpecialHandler>
  readonly subresourceHandlers: ReadonlyMap<string, SpecialHandler>
  /** Whether an update may create the object that is not there. */
  authorizeCreate(request: ApiRequest): Promise<void>
  /** The check behind admission that nobody gives rights that he does not have. */
  guard(admission: Admission): Admission
  readonly openid?: { configuration(): object; keys(): object }
  /** Starts to follow roles, bindings and pods. */
  start(): void
  synced(): Promise<unknown>
  /** Resolves when authorization goes by all roles and bindings that are stored at this moment. */
  caughtUp(): Promise<unknown>
}

interface Server {
  readonly client: Client
  readonly informers: Informers
  readonly registry: ResourceRegistry
}

export function createAccess(env: Env, options: ApiServerOptions, server: Server): Access {
  const objects = objectsOf(server.client)
  const audiences = apiAudiences(options)
  const tokens = tokenAuthenticators(env, options, objects, audiences)
  const authorizers = createAuthorizers(options, server)
  const { authorizer } = authorizers
  const reviews = createReviews({ authorizer, tokens, apiAudiences: audiences, now: () => rfc3339(env.clock.now()) })
  return {
    authenticator: requestAuthenticator(env, options, tokens, audiences), authorizer,
    virtualHandlers: new Map(Object.entries(reviews).map(([name, review]) => {
      const [group = '', resource = ''] = name.split('/')
      return [resourceKey(group, resource), (_request, context) => answerReview(context, review)] as [string, SpecialHandler]
    })),
    subresourceHandlers: tokenHandlers(env, options, objects, audiences),
    guard: (admission) => (authorizers.escalation === undefined ? admission : withEscalationCheck(admission, { authorizer, ...authorizers.escalation })),
    async authorizeCreate(request) {
      const attributes = { ...attributesOf(request.info, request.user), verb: 'create' }
      const verdict = await authorizer.authorize(attributes)
      if (verdict.decision !== 'allow') throw forbiddenRequest(attributes, verdict.reason ?? '')
    },
    ...(options.serviceAccount === undefined ? {} : { openid: issuerDocuments(options.serviceAccount, options) }),
    start: () => authorizers.start(),
    synced: () => authorizers.synced(), caughtUp: () => authorizers.caughtUp(),
  }
}

function apiAudiences({ serviceAccount }: ApiServerOptions): readonly string[] {
  return serviceAccount?.audiences ?? (serviceAccount?.issuers[0] === undefined ? [] : [serviceAccount.issuers[0]])
}

function tokenAuthenticators(env: Env, options: ApiServerOptions, objects: Objects, audiences: readonly string[]): TokenAuthenticator {
  const { serviceAccount, tokenUsers, bootstrapTokens } = options
  const list: TokenAuthenticator[] = []
  const agnostic = (inner: TokenAuthenticator) => audienceAgnostic(inner, audiences)
  if (tokenUsers !== undefined && tokenUsers.size > 0) list.push(agnostic(tokenFileAuthenticator(tokenUsers)))
  if (serviceAccount !== undefined) {
    list.push(serviceAccountAuthenticator(env.clock, objects, {
      issuers: serviceAccount.issuers, keys: serviceAccount.keys.flatMap(verifyingKeys), apiAudiences: audiences,
    }))
  }
  if (bootstrapTokens !== false) list.push(agnostic(bootstrapTokenAuthenticator(env.clock, objects)))
  if (options.issuers !== undefined) list.push(agnostic(options.issuers))
  list.push(...(options.tokenAuthenticators ?? []))
  return cachedTokens(env.clock, unionOfTokens(list))
}

function requestAuthenticator(env: Env, options: ApiServerOptions, tokens: TokenAuthenticator, audiences: readonly string[]): Authenticator {
  const list: Authenticator[] = []
  if (options.requestHeader !== undefined) {
    const { clientCA, ...settings } = options.requestHeader
    list.push(requestHeaderAuthenticator(env.clock, { ...settings, pool: { certificates: parseBundle(clientCA) } }))
  }
  if (options.clientCA !== undefined) list.push(x509Authenticator(env.clock, { certificates: parseBundle(options.clientCA) }))
  list.push(bearerAuthenticator(tokens, audiences))
  return unionAuthenticator(list, { anonymous: options.anonymousAuth ?? true })
}

interface Authorizers {
  readonly authorizer: Authorizer
  /** There with RBAC only. */
  readonly escalation?: Omit<EscalationContext, 'authorizer'>
  start(): void
  synced(): Promise<unknown>
  caughtUp(): Promise<unknown>
}

/** Those that look at stored objects follow them only once the server runs. */
function createAuthorizers(options: ApiServerOptions, { client, informers, registry }: Server): Authorizers {
  const starts: (() => Promise<unknown>)[] = []
  const late = (name: string, make: () => Promise<{ authorizer: Authorizer; synced: Promise<unknown> }>): Authorizer => {
    let inner: Authorizer | undefined
    starts.push(async () => {
      const made = await make()
      inner = made.authorizer
      await made.synced
    })
    return {
      name, authorize: (attributes) => inner?.authorize(attributes) ?? { decision: 'none' },
      rulesFor: (user, namespace) => inner?.rulesFor?.(user, namespace) ?? { rules: [], incomplete: true, errors: [] },
    }
  }
  let source: ReturnType<typeof informedRbacSource> | undefined
  let rbac: Authorizer | undefined
  const make: Readonly<Record<BuiltinMode, () => Authorizer>> = {
    AlwaysAllow: () => alwaysAllowAuthorizer,
    AlwaysDeny: () => alwaysDenyAuthorizer,
    Node: () => late('Node', async () => {
      const graph = informedNodeGraph(informers, (...kind) => registry.get(...kind) !== undefined)
      return { authorizer: nodeAuthorizer(graph, await nodeRules((name) => options.feature?.(name) === true)), synced: informers.synced() }
    }),
    RBAC: () => late('RBAC', () => {
      source = informedRbacSource(informers)
      rbac = rbacAuthorizer(new RbacResolver(source))
      return Promise.resolve({ authorizer: rbac, synced: source.synced })
    }),
  }
  const first = authorizationModes(options)
  const own = new Map(first.flatMap((mode) => (typeof mode === 'string' ? [[mode, make[mode]()] as const] : [])))
  const listOf = (modes: readonly AuthorizationMode[]) => [mastersAuthorizer, ...modes.map((mode) => {
    const authorizer = typeof mode !== 'string' ? mode : own.get(mode) ?? (mode === 'Node' || mode === 'RBAC' ? undefined : make[mode]())
    if (authorizer === undefined) throw new Error(`authorizer type ${mode as BuiltinMode} is not allowed if it was not enabled at initial server startup`)
    return authorizer
  })]
  let running: Promise<unknown> = Promise.resolve()
  const escalation: Authorizers['escalation'] = {
    rulesFor: (user, namespace) => rbac?.rulesFor?.(user, namespace).rules ?? [],
    rulesOf: (ref, namespace) => {
      const role = ref.kind === 'ClusterRole' ? source?.clusterRole(ref.name) : source?.role(namespace, ref.name)
      return role === undefined ? undefined : (role.rules ?? [])
    },
  }
  return {
    authorizer: changingAuthorizer(() => authorizationModes(options), (modes) => unionAuthorizer(listOf(modes))),
    ...(own.has('RBAC') && !own.has('AlwaysAllow') ? { escalation } : {}),
    start: () => void (running = Promise.all(starts.map((start) => start()))),
    synced: () => running, caughtUp: async () => source?.caughtUp(client),
  }
}

/** What is made of the modes as they are now, made anew when they are others. */
function changingAuthorizer(modesNow: () => readonly AuthorizationMode[], make: (modes: readonly AuthorizationMode[]) => Authorizer): Authorizer {
  let modes = modesNow()
  let inner = make(modes)
  const now = (): Authorizer => {
    const next = modesNow()
    if (next !== modes) {
      inner = make(next)
      modes = next
    }
    return inner
  }
  return {
    name: 'union', authorize: (attributes) => now().authorize(attributes),
    rulesFor: (user, namespace) => now().rulesFor?.(user, namespace) ?? { rules: [], incomplete: true, errors: [] },
  }
}

/** The fixed rules of nodes are those of the role system:node, with what gates that are off by default add to it. */
async function nodeRules(feature: (name: string) => boolean): Promise<readonly PolicyRule[]> {
  const { rbacBootstrap } = await import('../api/generated/rbac-bootstrap.ts')
  const role = rbacBootstrap.clusterRoles.find(({ metadata }) => metadata?.name === 'system:node')
  return [...(role?.rules ?? []) as readonly PolicyRule[], ...Object.entries(gatedNodeRules).flatMap(([gate, rules]) => (feature(gate) ? rules : []))]
}

const tokenRequestKind = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }

/** The body as an object of its kind, with nulls gone and defaults set. Throws 400. */
function bodyOf(context: RequestContext, kind: BodyKind): KubeObject {
  const { fieldValidation } = writeOptions(context.request, 'CreateOptions')
  return applyDefaults(decodeBody(context, kind, fieldValidation), kind.schema)
}

async function answerReview(context: RequestContext, review: Review): Promise<ApiResponse> {
  const { request, served } = context
  if (request.info.verb !== 'create') throw methodNotAllowed()
  const object = bodyOf(context, bodyKindOf(served))
  const attributes = admissionAttributes(context, { operation: 'CREATE', name: '', object, oldObject: undefined })
  await context.deps.admission.admit(attributes)
  await context.deps.admission.validate(attributes)
  return { type: 'object', code: 201, object: goShape(await review(attributes.object ?? object, request.user, request.info.namespace)) }
}

function tokenHandlers(env: Env, options: ApiServerOptions, objects: Objects, audiences: readonly string[]): ReadonlyMap<string, SpecialHandler> {
  const { serviceAccount } = options
  if (serviceAccount?.signingKey === undefined) return new Map()
  const issuer = createTokenIssuer(env.clock, env.random, serviceAccount.issuers[0] ?? '', signingKey(serviceAccount.signingKey))
  return new Map<string, SpecialHandler>([['serviceaccounts/token', async (request, context) => {
    if (request.info.verb !== 'create') throw methodNotAllowed()
    const kind = { ...tokenRequestKind, schema: schemaOf('io.k8s.api.authentication.v1.TokenRequest') }
    const attributes = (object: KubeObject) => admissionAttributes(context, {
      operation: 'CREATE', name: request.info.name, object, oldObject: undefined, kind: tokenRequestKind,
    })
    // Plugins that change and NodeRestriction see the request as it came: without the audiences that the server fills in.
    const sent = attributes(bodyOf(context, kind))
    await context.deps.admission.admit(sent)
    const object = await createToken(sent.object!, request, {
      clock: env.clock, objects, issuer, apiAudiences: audiences,
      maxExpirationSeconds: serviceAccount.maxExpirationSeconds ?? 0, extendExpiration: serviceAccount.extendExpiration !== false,
      validate: (filled) => context.deps.admission.validate(attributes(filled as unknown as KubeObject)),
    })
    return { type: 'object', code: 201, object }
  }]])
}

function issuerDocuments(serviceAccount: NonNullable<ApiServerOptions['serviceAccount']>, options: ApiServerOptions) {
  const keys = serviceAccount.keys.flatMap(verifyingKeys)
  return {
    configuration: () => ({
      issuer: serviceAccount.issuers[0],
      jwks_uri: serviceAccount.jwksUri ?? `https://${options.advertiseAddress}:${options.securePort ?? 6443}/openid/v1/jwks`,
      response_types_supported: ['id_token'], subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [...new Set(keys.map((key) => key.algorithm))].sort(),
    }),
    keys: () => jsonWebKeys(keys),
  }
}
