/**
 * Priority and fairness: classifies requests by the stored flow schemas, lets them through in fair turns, and tells in
 * the schemas' status whether their levels exist (apiserver/pkg/util/flowcontrol).
 */
import type { Env, Timer } from '../../base/env.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { flowSchemas, priorityLevelConfigurations } from '../../api/generated/resources.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/types/flowcontrol-v1.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import type { Client } from '../../client/client.ts'
import type { Informer, Informers } from '../../client/informer.ts'
import type { RequestInfo, UserInfo } from '../handler.ts'
import { mandatoryLevels, mandatorySchemas } from './bootstrap.ts'
import { type Level, Levels } from './levels.ts'
import { matchesSchema } from './matching.ts'
import { createFlowControlMetrics } from './metrics.ts'
import type { Flow } from './queue-set.ts'
import { hashFlow } from './shuffle.ts'
import { type Stats, WatchCounts } from './work.ts'

export interface FlowControlSettings {
  /** Requests at a time, of all levels together. */
  readonly limit: number
  /** What is stored of a resource. */
  stats(group: string, resource: string): Stats | undefined
}

/** What a request falls under. */
export interface Classified {
  readonly schema: FlowSchema
  readonly level: Level
  readonly levelName: string
  readonly flow: Flow
}

const fieldManager = 'api-priority-and-fairness-config-consumer-v1'
const adjustmentMs = 10_000
/** Changes that come together are digested together. */
const settleMs = 10
const maxFlows = 4096
const maxWritesPerMinute = 3

export class FlowControl {
  readonly levels: Levels
  readonly watches = new WatchCounts()
  readonly metrics: ReturnType<typeof createFlowControlMetrics>
  readonly settings: FlowControlSettings
  readonly #env: Env
  #schemas: readonly FlowSchema[] = [...mandatorySchemas.values()]
  #flows = new Map<string, Flow>()
  #writes = new Map<string, number[]>()
  /** When the stored objects are gone by next, after a change. */
  #digestion: { readonly due: number; readonly timer: Timer } | undefined

  constructor(env: Env, settings: FlowControlSettings) {
    this.#env = env
    this.settings = settings
    this.metrics = createFlowControlMetrics(env.metrics)
    this.levels = new Levels(env.clock, this.metrics, settings.limit)
    this.levels.configure([...mandatoryLevels.values()])
  }

  /** The schemas in the order in which they are tried. */
  get schemas(): readonly FlowSchema[] {
    return this.#schemas
  }

  /** Follows the stored objects. Resolves when it goes by them. */
  async start(client: Client, informers: Informers): Promise<void> {
    const levels = informers.of(priorityLevelConfigurations as Resource<PriorityLevelConfiguration>)
    const schemas = informers.of(flowSchemas as Resource<FlowSchema>)
    await Promise.all([levels.synced, schemas.synced])
    const changed = () => this.#changed(client, levels, schemas, settleMs)
    levels.addHandler({ add: changed, update: changed, delete: changed })
    schemas.addHandler({ add: changed, update: changed, delete: changed })
    this.configure(levels.list(), schemas.list())
    this.#env.tasks.go('priority and fairness borrowing', async (signal) => {
      for (;;) {
        await this.#env.clock.sleep(adjustmentMs, signal)
        this.levels.adjust()
      }
    })
  }

  /** Goes by these objects from now on. */
  configure(levels: readonly PriorityLevelConfiguration[], schemas: readonly FlowSchema[]): void {
    this.levels.configure(withMandatory(levels, mandatoryLevels))
    this.#schemas = withMandatory(schemas, mandatorySchemas).filter(({ spec }) => {
      const level = this.levels.get(spec?.priorityLevelConfiguration?.name ?? '')
      return level !== undefined && !level.leaving
    }).sort(byPrecedence)
    this.#flows = new Map()
  }

  classify(info: RequestInfo, user: UserInfo): Classified {
    const schema = this.#schemas.find((one) => matchesSchema(one, info, user)) ?? mandatorySchemas.get('catch-all')!
    const levelName = schema.spec!.priorityLevelConfiguration.name
    const level = this.levels.get(levelName)!
    const method = (level.object.spec?.limited?.limitResponse?.queuing?.queues ?? 0) > 1 ? schema.spec!.distinguisherMethod?.type : undefined
    const distinguisher = method === 'ByUser' ? user.name : method === 'ByNamespace' ? info.namespace : ''
    return { schema, level, levelName, flow: this.#flow(levelName, schema.metadata!.name!, distinguisher) }
  }

  #flow(level: string, schema: string, distinguisher: string): Flow {
    const key = `${schema}/${distinguisher}`
    let known = this.#flows.get(key)
    if (known === undefined) {
      if (this.#flows.size >= maxFlows) this.#flows.clear()
      known = { hash: hashFlow(schema, distinguisher), distinguisher, metrics: this.metrics.flow(level, schema) }
      this.#flows.set(key, known)
    }
    return known
  }

  #changed(client: Client, levels: Informer<PriorityLevelConfiguration>, schemas: Informer<FlowSchema>, delayMs: number): void {
    const due = this.#env.clock.now() + delayMs
    // A look that is far off must not hold up what changes before it.
    if (this.#digestion !== undefined && this.#digestion.due <= due) return
    this.#digestion?.timer.cancel()
    const timer = this.#env.clock.setTimeout(() => {
      this.#digestion = undefined
      this.configure(levels.list(), schemas.list())
      const names = new Set(withMandatory(levels.list(), mandatoryLevels).map(({ metadata }) => metadata!.name!))
      this.#env.tasks.go('status of flow schemas', async () => {
        const later = await this.#tellStatus(client, schemas.list(), names)
        if (later > 0) this.#changed(client, levels, schemas, later)
      })
    }, delayMs)
    this.#digestion = { due, timer }
  }

  /** Writes what is not told yet. Answers the ms after which to look again; 0: not without a change. */
  async #tellStatus(client: Client, schemas: readonly FlowSchema[], levels: ReadonlySet<string>): Promise<number> {
    const { clock, random, log } = this.#env
    let later = 0
    for (const schema of schemas) {
      const name = schema.metadata!.name!
      const condition = danglingCondition(schema, levels, clock.now())
      if (condition === undefined) continue
      const writes = (this.#writes.get(name) ?? []).filter((at) => clock.now() - at < 60_000)
      if (writes.length >= maxWritesPerMinute) {
        // Another server sees it differently: they must not go on contradicting each other.
        later = (30 + random.int(45)) * 1000
        continue
      }
      this.#writes.set(name, [...writes, clock.now()])
      const patch = { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'FlowSchema', metadata: { name }, status: { conditions: [condition] } }
      try {
        await client.patch(flowSchemas as Resource<KubeObject>, { name }, 'apply', patch, { subresource: 'status', fieldManager, force: true })
      } catch (error) {
        if (isStatus(error, 'NotFound')) continue
        log.warn('the status of a flow schema could not be written', { flowSchema: name, error })
        later ||= 1000
      }
    }
    return later
  }
}

type Condition = NonNullable<NonNullable<FlowSchema['status']>['conditions']>[number]

/** What is to be told of the level that a schema names; undefined when it is told already. */
function danglingCondition({ spec, status }: FlowSchema, levels: ReadonlySet<string>, now: number): Condition | undefined {
  const level = spec?.priorityLevelConfiguration?.name ?? ''
  const found = levels.has(level)
  const references = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`
  const wanted = found ? { status: 'False', reason: 'Found', message: `${references} and it exists` }
    : { status: 'True', reason: 'NotFound', message: `${references} but there is no such object` }
  const told = status?.conditions?.find(({ type }) => type === 'Dangling')
  if (told?.status === wanted.status && told.reason === wanted.reason && told.message === wanted.message) return undefined
  return { type: 'Dangling', lastTransitionTime: new Date(now).toISOString().replace(/\.\d+Z$/, 'Z'), ...wanted } as Condition
}

function withMandatory<T extends FlowSchema | PriorityLevelConfiguration>(stored: readonly T[], mandatory: ReadonlyMap<string, T>): T[] {
  const missing = [...mandatory].filter(([name]) => !stored.some(({ metadata }) => metadata?.name === name))
  return [...stored, ...missing.map(([, object]) => object)]
}

function byPrecedence(a: FlowSchema, b: FlowSchema): number {
  const [first, second] = [a.spec?.matchingPrecedence ?? 1000, b.spec?.matchingPrecedence ?? 1000]
  return first - second || (a.metadata!.name! < b.metadata!.name! ? -1 : 1)
}
