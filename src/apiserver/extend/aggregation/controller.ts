/**
 * Follows the APIServices: registers what this server serves, and keeps in touch with the servers behind the others:
 * whether they can be used, what they serve, what their documents say.
 */
import type { Env } from '../../../base/env.ts'
import { apiServices, endpointSlices, services } from '../../../api/generated/resources.ts'
import type { APIService } from '../../../api/generated/types/apiregistration-v1.ts'
import { isStatus } from '../../../api/meta/errors.ts'
import type { ObjectMeta } from '../../../api/meta/object.ts'
import { formatTime } from '../../../api/meta/time.ts'
import type { ServedResource } from '../../../api/generated/discovery.ts'
import type { Client } from '../../../client/client.ts'
import type { Informer, Informers } from '../../../client/informer.ts'
import type { ResourceRegistry } from '../../registry/resource-registry.ts'
import { type ServerLocation, type ServiceResolver, authorityOf } from '../../webhooks/location.ts'
import { type Verdict, passed, serviceProblem, statusWith } from './availability.ts'
import { reconcileServices, wantedServices } from './registration.ts'
import { type AskRemote, type ProxyClient, type RemoteOpenApi, discoverRemote, locationOfService, openApiOfRemote } from './remote.ts'

/** A group version that another server serves. */
export interface Remote {
  readonly group: string
  readonly version: string
  readonly service: APIService
  readonly location: ServerLocation
  readonly available: boolean
  /** Undefined until it has answered once. */
  readonly resources: readonly ServedResource[] | undefined
  readonly openapi: RemoteOpenApi | undefined
}

export interface Aggregation {
  /** The remote that serves the group version; undefined when that is this server's business. */
  remote(group: string, version: string): Remote | undefined
  remotes(): readonly Remote[]
  /** Resolves when the server's own group versions are registered. */
  start(): Promise<void>
}

export interface AggregationParts {
  readonly client: Client
  readonly informers: Informers
  readonly registry: ResourceRegistry
  readonly resolveService: ServiceResolver
  readonly proxyClient?: ProxyClient
  readonly ask: AskRemote
  /** Called when what remotes serve has changed. */
  changed(): void
}

const resyncMs = 30_000
const retryMs = 1000
const discoveryTimeoutText = 'failing or missing response from '

export function createAggregation(env: Env, parts: AggregationParts): Aggregation {
  const { client, informers, registry, resolveService, proxyClient, ask } = parts
  const known = new Map<string, Remote>()
  let informer: Informer<APIService>

  const keyOf = (group: string, version: string) => `${group}/${version}`
  const isAvailable = (service: APIService) => service.status?.conditions?.some((c) => c.type === 'Available' && c.status === 'True') === true

  /** Takes the stored service over; what was learned of its server stays. */
  function follow(service: APIService): void {
    const { group = '', version = '', service: reference } = service.spec ?? {}
    const key = keyOf(group, version)
    if (reference === undefined) {
      if (known.delete(key)) parts.changed()
      return
    }
    watchServices()
    const before = known.get(key)
    known.set(key, {
      group, version, service, location: locationOfService(service, proxyClient, resolveService), available: isAvailable(service),
      resources: before?.resources, openapi: before?.openapi,
    })
    if (before === undefined || before.available !== isAvailable(service)) parts.changed()
    if (before === undefined || JSON.stringify(before.service.spec) !== JSON.stringify(service.spec)) check(service.metadata?.name ?? '')
  }

  function forget(service: APIService): void {
    if (known.delete(keyOf(service.spec?.group ?? '', service.spec?.version ?? ''))) parts.changed()
  }

  const checking = new Map<string, boolean>()

  /** Checks one service now; one that is being checked is checked again afterwards. */
  function check(name: string): void {
    if (checking.has(name)) return void checking.set(name, true)
    checking.set(name, false)
    env.tasks.go(`API service ${name}`, async (signal) => {
      let failed = false
      try {
        failed = !await sync(name)
      } catch (error) {
        if (!signal.aborted) env.log.warn('an API service could not be checked', { name, error })
        failed = true
      }
      const again = checking.get(name) === true
      checking.delete(name)
      if (again) check(name)
      else if (failed && !signal.aborted) env.clock.setTimeout(() => check(name), retryMs)
    })
  }

  /** Whether the server could be used or the reason is one that changes announce themselves. */
  async function sync(name: string): Promise<boolean> {
    const service = informer.get(name)
    const reference = service?.spec?.service
    if (service === undefined || reference === undefined) return true
    const { namespace = '', name: serviceName = '', port = 443 } = reference
    const slices = informers.of(endpointSlices).list()
      .filter(({ metadata }) => metadata?.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === serviceName)
    const problem = serviceProblem({ namespace, name: serviceName, port }, informers.of(services).get(`${namespace}/${serviceName}`), slices)
    const verdict = problem ?? await reach(service)
    const status = statusWith(service, verdict, formatTime(env.clock.now()))
    if (status !== undefined) {
      try {
        await client.update(apiServices, { ...service, status }, { subresource: 'status' })
      } catch (error) {
        // Somebody changed it meanwhile: it is looked at again.
        if (isStatus(error, 'Conflict')) return false
        if (!isStatus(error, 'NotFound')) throw error
      }
    }
    return problem !== undefined || verdict.status === 'True'
  }

  /** Asks the server what it serves, which shows whether it can be used. */
  async function reach(service: APIService): Promise<Verdict> {
    const { group = '', version = '' } = service.spec ?? {}
    const location = locationOfService(service, proxyClient, resolveService)
    const path = `/apis/${group}/${version}`
    const url = `https://${authorityOf(location)}${path}`
    try {
      const { code } = await ask(location, path, { accept: 'application/json' })
      if (code < 200 || code >= 300) throw new Error(`bad status from ${url}: ${code}`)
    } catch (error) {
      return { status: 'False', reason: 'FailedDiscoveryCheck', message: `${discoveryTimeoutText}${url}: ${(error as Error).message}` }
    }
    await learn(group, version, location)
    return passed
  }

  /** Documents that the server cannot give do not make it unusable. */
  async function learn(group: string, version: string, location: ServerLocation): Promise<void> {
    const quiet = <T>(asked: Promise<T>): Promise<T | undefined> => asked.catch((error: unknown) => {
      env.log.warn('an aggregated server does not tell all of itself', { group, version, error })
      return undefined
    })
    const [resources, openapi] = await Promise.all([
      quiet(discoverRemote(ask, location, group, version)), quiet(openApiOfRemote(ask, location, group, version)),
    ])
    const key = keyOf(group, version)
    const before = known.get(key)
    if (before === undefined) return
    const next = { ...before, resources: resources ?? before.resources, openapi: openapi ?? before.openapi }
    known.set(key, next)
    if (JSON.stringify([before.resources, before.openapi?.v2]) !== JSON.stringify([next.resources, next.openapi?.v2])) parts.changed()
  }

  /** Those whose Service or endpoints changed. */
  function touched(namespace: string, name: string): void {
    for (const { service } of known.values()) {
      const reference = service.spec?.service
      if (reference?.namespace === namespace && reference.name === name) check(service.metadata?.name ?? '')
    }
  }

  let watching = false
  /** Most servers have no remotes, and need not look at every endpoint. */
  function watchServices(): void {
    if (watching) return
    watching = true
    const service = ({ metadata }: { metadata?: ObjectMeta }) => touched(metadata?.namespace ?? '', metadata?.name ?? '')
    const slice = ({ metadata }: { metadata?: ObjectMeta }) => touched(metadata?.namespace ?? '', metadata?.labels?.['kubernetes.io/service-name'] ?? '')
    informers.of(services).addHandler({ add: service, update: service, delete: service })
    informers.of(endpointSlices).addHandler({ add: slice, update: slice, delete: slice })
  }

  async function register(start: boolean): Promise<void> {
    const current = new Map(informer.list().map((service) => [service.metadata?.name ?? '', service]))
    await reconcileServices(client, wantedServices(registry.definitions()), current, start)
  }

  let registering = Promise.resolve()
  /** One after the other: definitions come and go while services are written. */
  function registerSoon(): void {
    registering = registering.then(() => register(false)).catch((error: unknown) => env.log.warn('API services could not be registered', { error }))
  }

  return {
    remote: (group, version) => (known.size === 0 ? undefined : known.get(keyOf(group, version))),
    remotes: () => [...known.values()],
    async start() {
      informer = informers.of(apiServices)
      informer.addHandler({ add: follow, update: follow, delete: forget })
      await informer.synced
      await register(true)
      registry.onChange(registerSoon)
      env.tasks.go('API services', async (signal) => {
        for (;;) {
          await env.clock.sleep(resyncMs, signal)
          for (const { service } of known.values()) check(service.metadata?.name ?? '')
        }
      })
    },
  }
}
