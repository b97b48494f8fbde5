/**
 * The API server as a component: store, registry, handlers, chain and socket put together. Everything is handed in;
 * whoever starts it (cli, cluster) says where keys and data are.
 */
import { orAborted } from '../base/abort.ts'
import { scopedTasks } from '../base/tasks.ts'
import type { Component, Env, Timer } from '../base/env.ts'
import { featureGates } from '../api/generated/feature-gates.ts'
import { createInProcessClient } from '../client/in-process.ts'
import type { Client } from '../client/client.ts'
import { InformerFactory } from '../client/informer.ts'
import type { Admission } from './admission/contract.ts'
import type { EncryptionHolder } from './encryption/configuration.ts'
import { createAdmission, pluginContext } from './admission/index.ts'
import { inquiryOf } from './auth/inquiry.ts'
import { registryLister } from './admission/registry-lister.ts'
import type { WebhookParts } from './admission/webhooks/deps.ts'
import { versionsOf } from './admission/webhooks/versions.ts'
import { parseBundle } from './auth/certificates.ts'
import { createAuditor } from './chain/audit.ts'
import { chained, httpFilters, inProcessFilters } from './chain/index.ts'
import { FlowControl } from './flowcontrol/controller.ts'
import type { InFlightLimits } from './chain/in-flight.ts'
import { createServiceAllocators } from './allocators/service-allocators.ts'
import { type Access, createAccess } from './access.ts'
import { objectsOf } from './auth/objects.ts'
import { createStreamHandlers } from './streams/index.ts'
import { type KubeletSettings, defaultAddressTypes } from './streams/locate.ts'
import type { Aggregation } from './extend/aggregation/controller.ts'
import { createAggregator } from './extend/aggregation/index.ts'
import { aggregated } from './extend/aggregation/proxy.ts'
import { type CustomResources, createCustomResources } from './extend/crds/controller.ts'
import { createEndpoints } from './extend/endpoints.ts'
import { type Discovery, createDiscovery } from './extend/discovery.ts'
import { enabledVersions, servedVersionsOf } from './extend/discovery-model.ts'
import { createOpenApi } from './extend/openapi.ts'
import { createNodeMetrics, ensureMetricsReader, metricsColumns, metricsVersion } from './extend/node-metrics/index.ts'
import { metricsDefinitions } from './extend/node-metrics/openapi.ts'
import type { HealthCheck } from './extend/health.ts'
import { postStartHooks, splitAddress } from './extend/hooks/index.ts'
import { leaveEndpoints } from './extend/hooks/kubernetes-service.ts'
import { type MasterLeases, createMasterLeases } from './extend/hooks/master-leases.ts'
import { type PostStartHook, runHooks } from './extend/hooks/hooks.ts'
import type { ApiHandler, ApiRequest } from './handler.ts'
import { type SpecialHandler, createResourceHandler } from './handlers/index.ts'
import { postJson } from './http/call.ts'
import { createListener } from './http/listener.ts'
import { type HttpServer, startHttpServer } from './http/server.ts'
import { type ApiServerOptions, type ServerSnapshot, serviceRanges } from './options.ts'
import { ResourceRegistry, compactionIntervalMs } from './registry/resource-registry.ts'
import type { ResourceDefinition } from './resources/define.ts'
import { builtinResources } from './resources/index.ts'
import type { KVStore } from './storage/store.ts'
import { type ServiceResolver, serviceResolver } from './webhooks/location.ts'

export type { ApiServerOptions, ServerSnapshot } from './options.ts'

/** How the server itself is known when it uses its own API. */
export const loopbackUser = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] }

export interface ApiServer extends Component {
  /** Behind authentication: for clients in this process, who say themselves who they are. Authorization applies. */
  readonly handler: ApiHandler
  /** A client with the server's own rights. */
  readonly client: Client
  readonly registry: ResourceRegistry
  readonly store: KVStore
  /** "https://host:port"; '' before start and for a server without a socket. */
  readonly url: string
  readonly port: number
  /** PEM of the authority behind the server's certificate. */
  readonly caCertificate: string
  /** In a time that does not grow with what is stored. Throws where the state lives in another process. */
  snapshot(): ServerSnapshot
}

/** Opens the store at once; `start` serves. Rejects for a store that cannot be opened and for a port that is taken. */
export async function createApiServer(outer: Env, options: ApiServerOptions): Promise<ApiServer> {
  const log = outer.log.child('apiserver')
  const env = { ...outer, tasks: scopedTasks(outer.tasks) }
  const store = await openStore(env, options)
  if (store.local !== undefined && options.encryption !== undefined) await readable(env, store.local, options.encryption)
  const services: Record<string, unknown> = { eventTtlSeconds: options.eventTtlSeconds, ...options.services }
  const registry = new ResourceRegistry({ env, store, encryption: options.encryption, feature: options.feature ?? featureDefault, services, inherit: options.inherit?.registry, history: options.history === 'all' ? everything : undefined })
  const server = { env: { ...env, log }, options, store, registry, services }
  return assemble(server)
}

/** What lies in a store of this process is read at once: the keys to it must be there before. A service that does not answer is waited for. */
async function readable(env: Env, store: NonNullable<KVStore['local']>, encryption: EncryptionHolder): Promise<void> {
  for (;;) {
    try {
      return await encryption.prepare(store.entries('/registry/').map(({ value }) => value))
    } catch (error) {
      env.log.warn('what is stored cannot be read yet; the server waits', { error: error instanceof Error ? error.message : String(error) })
      await env.clock.sleep(retryReadMs)
    }
  }
}

const retryReadMs = 3000

interface Parts {
  readonly env: Env
  readonly options: ApiServerOptions
  readonly store: KVStore
  readonly registry: ResourceRegistry
  /** What the kinds' hooks are given; completed here by what needs the server's own client. */
  readonly services: Record<string, unknown>
}

function assemble({ env, options, store, registry, services }: Parts): ApiServer {
  const stopping = new AbortController()
  let http: HttpServer | undefined
  const address = () => `${options.advertiseAddress}:${http?.port ?? options.securePort ?? 0}`

  // The resource handler needs what needs the handler: the server's own client closes the circle when it is called.
  let inner: ApiHandler = () => Promise.reject(new Error('the server is not assembled yet'))
  const client = createInProcessClient((request) => inner(request), loopbackUser, { userAgent: 'kube-apiserver/v1.36.3' })
  const informers = new InformerFactory(env, client)
  const allocators = createServiceAllocators(env, client, { serviceCIDRs: serviceRanges(options) })
  services['serviceAllocators'] ??= allocators.allocators
  const masters = createMasterLeases(store)
  const access = createAccess(env, options, { client, informers, registry })
  const parts = { client, informers, registry, authorizer: access.authorizer, env }
  services['inquiry'] ??= inquiryOf(registry, access.authorizer)
  const resolveService = serviceResolver(registryLister(registry), env.random, () => ({ host: urlHost(options), port: http?.port ?? 0 }))
  const webhooks = webhookParts(env, registry, resolveService)
  const admission: Admission = access.guard(options.admission?.(parts)
    ?? createAdmission(pluginContext({ ...parts, feature: options.feature ?? featureDefault }), options.admissionPlugins, webhooks, env.trace))

  const customResources = createCustomResources(env, { client, informers, registry, conversion: webhooks.caller })
  const published = { changed: () => undefined as void }
  const { aggregation, versions: remoteVersions, documents: remoteDocuments } = createAggregator(env, {
    client, informers, registry, resolveService, changed: () => published.changed(),
    ...(options.proxyClient === undefined ? {} : { proxyClient: options.proxyClient }),
  })
  const taken = (group: string, version: string) => aggregation.remote(group, version) !== undefined
  const nodeMetrics = wantsNodeMetrics(options)
  const others = () => (nodeMetrics && !taken(metricsVersion.group, metricsVersion.version) ? [...remoteVersions(), metricsVersion] : remoteVersions())
  const discovery = createDiscovery({ definitions: () => registry.definitions(), remotes: others, serverAddress: address })
  const openapi = createOpenApi({ definitions: () => registry.definitions(), groups: () => discovery.groups(), remotes: remoteDocuments, issuesTokens: access.openid !== undefined, computed: metricsDefinitions })
  published.changed = () => {
    discovery.changed()
    openapi.changed()
  }
  registry.onChange(() => published.changed())
  const resources = createResourceHandler({
    env, registry, admission, feature: options.feature, authorizeCreate: (request) => access.authorizeCreate(request),
    virtualHandlers: access.virtualHandlers, subresourceHandlers: new Map([...access.subresourceHandlers, ...streamHandlers(env, options, client, access), ...(options.subresourceHandlers ?? [])]),
    ...(options.minRequestTimeoutMs === undefined ? {} : { minRequestTimeoutMs: options.minRequestTimeoutMs }),
  })
  const flowControl = options.priorityAndFairness === false ? undefined : new FlowControl(env, {
    limit: totalLimit(options.limits ?? defaultLimits), stats: (group, resource) => registry.store(group, resource)?.storage.cache.stats(),
  })
  const followFlows: PostStartHook[] = flowControl === undefined ? []
    : [{ name: 'priority-and-fairness-config-consumer', run: () => flowControl.start(client, informers) }]
  const state: HookState = { hooks: [...hooksOf(options, address, onceDone(() => allocators.start()), masters), ...extensionHooks(customResources, aggregation), ...followFlows, ...(nodeMetrics && options.inherit === undefined ? [metricsHook] : [])], done: new Set(), synced: false, stopping: stopping.signal }
  const feature = options.feature ?? featureDefault
  const endpoints = createEndpoints({
    metrics: env.metrics, checks: () => healthChecks(env, store, state, options), groups: () => discovery.groups(), openapi,
    pages: { ...env, statusz: feature('ComponentStatusz'), flags: feature('ComponentFlagz') ? options.flags : undefined }, ...(access.openid === undefined ? {} : { openid: access.openid }),
  })
  const own = dispatcher(resources, discovery, endpoints, options.extension)
  const dispatch = aggregated(aggregation, nodeMetrics ? createNodeMetrics(env, { client, kubelet: kubeletSettings(options), taken }, own) : own)
  const chain = {
    authenticator: access.authenticator, authorizer: access.authorizer, kinds: registry, limits: options.limits ?? defaultLimits,
    requestTimeoutMs: options.requestTimeoutMs ?? 60_000, front: options.front ?? {}, constrainedImpersonation: (options.feature ?? featureDefault)('ConstrainedImpersonation'), inner: options.filters ?? [], ...(flowControl === undefined ? {} : { flowControl }),
    ...(options.audit === undefined ? {} : { auditor: createAuditor(env, options.audit) }),
  }
  inner = chained(inProcessFilters(chain), dispatch)
  const outer = chained(httpFilters(env, chain), dispatch)

  /** Clients are sent to the others from now on; a store that does not answer keeps nobody from stopping. */
  async function leave(): Promise<void> {
    const left = leaveEndpoints(client, masters, splitAddress(address())).catch((error: unknown) => env.log.debug('the endpoint could not be taken back', { error }))
    await (store.local === undefined ? Promise.race([left, env.clock.sleep(2000)]) : left)
  }

  let resolveReady!: () => void
  const ready = new Promise<void>((resolve) => (resolveReady = resolve))
  return {
    name: 'kube-apiserver', handler: (request) => inner(request), client, registry, store, ready,
    caCertificate: options.caCertificate ?? '',
    snapshot() {
      if (store.local === undefined) throw new Error('a cluster whose state is in an etcd cannot be forked')
      return { store: store.local.snapshot(), registry: registry.snapshot() }
    },
    get url() {
      return http === undefined ? '' : `https://${urlHost(options)}:${http.port}`
    },
    get port() {
      return http?.port ?? 0
    },
    async start() {
      if (options.inherit === undefined) registry.addAll(servedDefinitions(options))
      if (options.tls !== undefined) {
        const listener = createListener(env, outer, {
          now: () => new Date(env.clock.now()),
          isTyped: ({ info }: ApiRequest) => registry.get(info.apiGroup, info.apiVersion, info.resource)?.definition.custom !== true,
          hiddenAnnotations: ({ info }: ApiRequest) => registry.get(info.apiGroup, info.apiVersion, info.resource)?.definition.fieldAnnotations ?? [],
          columnsFor: ({ info }: ApiRequest) => {
            const definition = registry.get(info.apiGroup, info.apiVersion, info.resource)?.definition
            if (definition === undefined) return metricsColumns(info)
            if (info.subresource !== '' && info.subresource !== 'status') return undefined
            return definition.versions?.[info.apiVersion]?.columns ?? definition.columns
          },
        })
        const release = env.clock.hold?.()
        http = await startHttpServer(env, {
          bindAddress: options.bindAddress ?? '0.0.0.0', port: options.securePort ?? 6443, ...options.tls, namedCertificates: options.namedCertificates ?? [],
          ...(options.clientCA === undefined ? {} : { clientCAs: parseBundle(options.clientCA).map((c) => c.toString()) }),
        }, listener).finally(() => release?.())
      }
      access.start()
      const run = runHooks(state.hooks, { env, client, signal: stopping.signal })
      state.done = run.done
      env.tasks.go('apiserver readiness', async (signal) => {
        await orAborted(Promise.all([run.all, registry.ready(), access.synced()]), signal)
        await orAborted(access.caughtUp(), signal)
        state.synced = true
        resolveReady()
      })
      env.tasks.go('compaction', async (signal) => {
        const intervalMs = options.compactionIntervalMs ?? compactionIntervalMs
        while (options.history !== 'all' && intervalMs > 0) {
          await env.clock.sleep(intervalMs, signal)
          await registry.compact()
        }
      })
    },
    async stop() {
      stopping.abort(new Error('the server is stopping'))
      if (options.advertiseAddress !== undefined && http !== undefined) await leave()
      await informers.stop()
      await http?.stop(1000)
      await Promise.all((options.audit?.sinks ?? []).map(async (sink) => sink.close?.()))
      // Nobody writes into a store that is closed; one that does not answer keeps nobody from stopping.
      const quiet = env.tasks.stop()
      if (store.local !== undefined) await quiet
      registry.close()
      await store.close()
      await quiet
    },
  }
}

function streamHandlers(env: Env, options: ApiServerOptions, client: Client, access: Access): ReadonlyMap<string, SpecialHandler> {
  return createStreamHandlers({
    objects: objectsOf(client), client, random: env.random, authorizeCreate: (request) => access.authorizeCreate(request),
    kubelet: kubeletSettings(options),
  })
}

const kubeletSettings = ({ kubelet }: ApiServerOptions): KubeletSettings => ({ tls: kubelet?.tls ?? {}, addressTypes: kubelet?.addressTypes ?? defaultAddressTypes })

/** Served unless --runtime-config says otherwise. */
const wantsNodeMetrics = ({ runtimeConfig: config = {} }: ApiServerOptions): boolean =>
  config[`${metricsVersion.group}/${metricsVersion.version}`] ?? config['api/beta'] ?? config['api/all'] ?? true

/** Nobody waits for it. */
const metricsHook: PostStartHook = { name: 'node-metrics', late: true, run: ({ client }) => ensureMetricsReader(client) }

/** State that is inherited holds already what some hooks make. */
function hooksOf(options: ApiServerOptions, address: () => string, startAllocators: () => Promise<void>, masters: MasterLeases): PostStartHook[] {
  const hooks = postStartHooks(options, address, startAllocators, masters)
  return options.inherit === undefined ? hooks : hooks.filter(({ once }) => once !== true)
}

/** Kinds and servers that join at run time. The server's own group versions are registered behind the custom ones. */
function extensionHooks(customResources: CustomResources, aggregation: Aggregation): PostStartHook[] {
  const served = onceDone(() => customResources.start())
  return [
    { name: 'crd-informer-synced', run: served },
    { name: 'kube-apiserver-autoregistration', run: () => served().then(() => aggregation.start()) },
  ]
}

function webhookParts(env: Env, registry: ResourceRegistry, resolveService: ServiceResolver): WebhookParts {
  return {
    versions: versionsOf(registry),
    caller: {
      clock: env.clock, random: env.random, metrics: env.metrics, resolveService,
      post: (location, body, o) => postJson(location, body, { clock: env.clock, ...o }),
    },
  }
}

/** Runs once for all who wait for it; a failure is forgotten, so that the next who asks tries again. */
function onceDone(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= run().catch((error: unknown) => {
    running = undefined
    throw error
  }))
}

/** Upstream's default of a feature gate. */
const featureDefault = (name: string): boolean => featureGates[name]?.default ?? false

/** History without bounds. */
const everything = { minAgeMs: Infinity, minEvents: Infinity, maxEvents: Infinity, maxBytes: Infinity }

const defaultLimits = { readOnly: 400, mutating: 200 }

const totalLimit = ({ readOnly, mutating }: InFlightLimits): number => readOnly + mutating

interface HookState {
  readonly hooks: readonly PostStartHook[]
  done: ReadonlySet<string>
  synced: boolean
  readonly stopping: AbortSignal
}

function healthChecks({ clock }: Env, store: KVStore, state: HookState, { encryption, storeChecksMs }: ApiServerOptions): HealthCheck[] {
  const reach = (withinMs = 2000) => async (): Promise<undefined> => {
    let timer: Timer | undefined
    const late = new Promise<never>((_, reject) => { timer = clock.setTimeout(() => reject(new Error('the store did not answer in time')), withinMs) })
    await Promise.race([store.revision(), late]).finally(() => timer?.cancel())
  }
  return [
    { name: 'ping', check: () => undefined },
    { name: 'log', check: () => undefined },
    { name: 'etcd', check: reach(storeChecksMs?.health) },
    { name: 'etcd-readiness', check: reach(storeChecksMs?.ready), in: ['readyz'] },
    { name: 'informer-sync', check: () => (state.synced ? undefined : 'informers are not synced'), in: ['readyz'] },
    ...(encryption === undefined ? [] : [{ name: 'kms-providers', check: () => failureOf(encryption) }]),
    ...state.hooks.filter(({ late }) => late !== true).map(({ name }) => ({
      name: `poststarthook/${name}`, check: () => (state.done.has(name) ? undefined : 'not finished'),
    })),
    { name: 'shutdown', check: () => (state.stopping.aborted ? 'process is shutting down' : undefined), in: ['readyz'] },
  ]
}

/** What is wrong with the services that encryption needs. */
function failureOf({ current }: EncryptionHolder): string | undefined {
  const failures = current.kms.flatMap(({ failure }) => failure ?? [])
  return failures.length === 0 ? undefined : failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`
}

function dispatcher(resources: ApiHandler, discovery: Discovery, endpoints: ApiHandler, extension: ApiServerOptions['extension']): ApiHandler {
  return async (request) => {
    if (request.info.isResourceRequest) return resources(request)
    return extension?.(request) ?? discovery.answer(request) ?? endpoints(request)
  }
}

function urlHost({ bindAddress = '0.0.0.0', advertiseAddress }: ApiServerOptions): string {
  const wildcard = bindAddress === '0.0.0.0' || bindAddress === '::'
  const host = wildcard ? (advertiseAddress ?? '127.0.0.1') : bindAddress
  return host.includes(':') ? `[${host}]` : host
}

/** The built-in kinds in the versions that are switched on. */
function servedDefinitions(options: ApiServerOptions): ResourceDefinition[] {
  const config = options.runtimeConfig ?? {}
  const feature = options.feature ?? featureDefault
  return (options.resources ?? builtinResources).flatMap((definition) => {
    if (definition.featureGate !== undefined && !feature(definition.featureGate)) return []
    const versions = enabledVersions(definition, config)
    if (versions.length === 0) return []
    if (versions.length === servedVersionsOf(definition).length) return [definition]
    // The definition's schema is expanded on demand: a copy of its values would expand it now.
    return [Object.create(definition, { servedVersions: { value: versions, enumerable: true } }) as ResourceDefinition]
  })
}

async function openStore(env: Env, options: ApiServerOptions): Promise<KVStore> {
  if (options.inherit !== undefined) return options.inherit.store.open({ clock: env.clock })
  if (options.store !== undefined) return options.store
  if (options.etcd !== undefined) {
    const { openEtcdStore } = await import('./storage/etcd/etcd.ts')
    return openEtcdStore({ clock: env.clock, ...options.etcd })
  }
  if (options.dataDir !== undefined) {
    const { openLmdbStore } = await import('./storage/lmdb/lmdb.ts').catch((error: unknown) => {
      throw new Error('state on disk needs the package lmdb, which is not installed or has no binary for this system: install it, name an etcd, or keep state in memory', { cause: error })
    })
    return openLmdbStore({ clock: env.clock, path: options.dataDir, log: env.log, ...(options.quotaBytes === undefined ? {} : { quotaBytes: options.quotaBytes }) })
  }
  const { createMemoryStore } = await import('./storage/memory/memory.ts')
  return createMemoryStore({ clock: env.clock })
}
