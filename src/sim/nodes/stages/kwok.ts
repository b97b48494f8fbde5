/** Stages as kwok writes them (kwok.x-k8s.io/v1alpha1 Stage), read as they are. */
import { decodeYamlStream, parseYaml } from '../../../api/codec/yaml.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { formatTime, parseDuration, parseTime } from '../../../api/meta/time.ts'
import { readyConditions } from '../node-object.ts'
import { type Query, parseQuery } from './query.ts'
import type { Stage, StageAction, StageContext } from './stage.ts'
import { type Template, type TemplateFunctions, goText, parseTemplate } from './template.ts'

interface From {
  readonly expressionFrom?: string
}

/** As much of the object as is read; the rest is kwok's own. */
export interface KwokStage {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata?: { readonly name?: string }
  readonly spec: {
    readonly resourceRef: { readonly apiGroup?: string; readonly kind: string }
    readonly selector?: {
      readonly matchLabels?: Readonly<Record<string, string>>
      readonly matchAnnotations?: Readonly<Record<string, string>>
      readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[]
    }
    readonly weight?: number
    readonly weightFrom?: From
    readonly delay?: {
      readonly durationMilliseconds?: number
      readonly durationFrom?: From
      readonly jitterDurationMilliseconds?: number
      readonly jitterDurationFrom?: From
    }
    readonly next: {
      readonly event?: { readonly type?: string; readonly reason?: string; readonly message?: string }
      readonly finalizers?: { readonly add?: readonly { value: string }[]; readonly remove?: readonly { value: string }[]; readonly empty?: boolean }
      readonly delete?: boolean
      readonly patches?: readonly { readonly subresource?: string; readonly root?: string; readonly template: string; readonly type?: string }[]
      readonly statusTemplate?: string
      readonly statusSubresource?: string
    }
  }
}

/** Every Stage in YAML documents, for pods and nodes; other documents are passed over. Throws with the stage's name. */
export function readStages(source: string | readonly KwokStage[]): Stage[] {
  const documents = typeof source === 'string' ? decodeYamlStream(source).map((decoded) => valueOf(decoded)) : source
  return documents.filter(isStage).map((stage) => {
    try {
      return compileStage(stage)
    } catch (error) {
      throw new Error(`stage ${stage.metadata?.name ?? ''}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  })
}

function valueOf(decoded: unknown): unknown {
  return typeof decoded === 'object' && decoded !== null && 'value' in decoded && !('kind' in decoded) ? decoded.value : decoded
}

function isStage(value: unknown): value is KwokStage {
  const stage = value as Partial<KwokStage> | null | undefined
  return stage?.kind === 'Stage' && stage.spec !== undefined
}

function compileStage({ metadata, spec }: KwokStage): Stage {
  const { kind } = spec.resourceRef
  if (kind !== 'Pod' && kind !== 'Node') throw new Error(`stages of ${kind} are not played; those of Pod and Node are`)
  const conditions = conditionsOf(spec.selector)
  const weight = queryOf(spec.weightFrom)
  const delay = delayOf(spec.delay)
  return {
    name: metadata?.name ?? '', kind,
    matches: (object) => conditions.every((holds) => holds(object)),
    weight: (object) => Number(weight(object) ?? spec.weight ?? 0),
    delayMs: delay,
    act: actionsOf(spec.next),
  }
}

type Holds = (object: KubeObject) => boolean

function conditionsOf(selector: KwokStage['spec']['selector'] = {}): Holds[] {
  const same = (wanted: Readonly<Record<string, string>> | undefined, of: (object: KubeObject) => Readonly<Record<string, string>> | undefined): Holds[] =>
    Object.entries(wanted ?? {}).map(([key, value]) => (object: KubeObject) => of(object)?.[key] === value)
  return [
    ...same(selector.matchLabels, ({ metadata }) => metadata.labels), ...same(selector.matchAnnotations, ({ metadata }) => metadata.annotations),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => expression(parseQuery(key), operator, new Set(values.map(String)))),
  ]
}

function expression(query: Query, operator: string, values: ReadonlySet<string>): Holds {
  const found = (object: KubeObject): string[] => query(object).filter((v) => v !== undefined && v !== null && v !== false && !isEmpty(v)).map(goText)
  switch (operator) {
    case 'Exists': return (object) => found(object).length > 0
    case 'DoesNotExist': return (object) => found(object).length === 0
    case 'In': return (object) => found(object).some((value) => values.has(value))
    case 'NotIn': return (object) => !found(object).some((value) => values.has(value))
    default: throw new Error(`operator ${operator} is not known`)
  }
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** The first value of an expression as text; undefined when there is none. */
function queryOf(from: From | undefined): (object: KubeObject) => string | undefined {
  if (from?.expressionFrom === undefined) return () => undefined
  const query = parseQuery(from.expressionFrom)
  return (object) => {
    const value = query(object).find((v) => v !== undefined && v !== null)
    return value === undefined ? undefined : goText(value)
  }
}

function delayOf(delay: KwokStage['spec']['delay'] = {}): Stage['delayMs'] {
  const [duration, jitter] = [queryOf(delay.durationFrom), queryOf(delay.jitterDurationFrom)]
  return (object, now, chance) => {
    const least = spanMs(duration(object), now) ?? delay.durationMilliseconds ?? 0
    const most = spanMs(jitter(object), now) ?? delay.jitterDurationMilliseconds
    return Math.max(0, most === undefined ? least : most > least ? least + chance * (most - least) : most)
  }
}

/** "30s", or the time until "2026-01-01T00:00:00Z". */
function spanMs(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const moment = parseTime(text)
  return moment === undefined ? parseDuration(text) : moment - now
}

const patchTypes: Readonly<Record<string, 'strategic' | 'merge' | 'json'>> = { strategic: 'strategic', merge: 'merge', json: 'json' }

function actionsOf(next: KwokStage['spec']['next']): Stage['act'] {
  const { event, finalizers, statusTemplate, statusSubresource = 'status', patches = [] } = next
  const made: ((object: KubeObject, functions: TemplateFunctions) => StageAction)[] = []
  if (event !== undefined) made.push(() => ({ type: 'event', eventType: event.type ?? 'Normal', reason: event.reason ?? '', message: event.message ?? '' }))
  if (finalizers !== undefined) made.push(({ metadata }) => ({ type: 'patch', patchType: 'merge', patch: { metadata: { finalizers: finalizersOf(metadata.finalizers ?? [], finalizers) } } }))
  const all = [...(statusTemplate === undefined ? [] : [{ template: statusTemplate, root: 'status', subresource: statusSubresource, type: undefined }]), ...patches]
  for (const { template, root, subresource, type } of all) {
    const render: Template = parseTemplate(template)
    const patchType = type === undefined || type === '' ? 'merge' : patchTypes[type]
    if (patchType === undefined) throw new Error(`patch type ${type} is not known`)
    made.push((object, functions) => {
      const value = parseYaml(render(object, functions))
      return { type: 'patch', patchType, patch: root === undefined || root === '' ? value : { [root]: value }, ...(subresource === undefined || subresource === '' ? {} : { subresource }) }
    })
  }
  if (next.delete === true) made.push(() => ({ type: 'delete' }))
  return (object, context) => {
    const functions = functionsOf(object, context)
    return made.map((make) => make(object, functions))
  }
}

function finalizersOf(present: readonly string[], { add = [], remove = [], empty }: NonNullable<KwokStage['spec']['next']['finalizers']>): string[] {
  const gone = new Set(remove.map(({ value }) => value))
  const left = empty === true ? [] : present.filter((finalizer) => !gone.has(finalizer))
  return [...left, ...add.map(({ value }) => value).filter((value) => !left.includes(value))]
}

/** What templates may call. */
function functionsOf(object: KubeObject, context: StageContext): TemplateFunctions {
  const { now, nodeName, nodeIP, podIP } = context
  const time = formatTime(now)
  const status = (object as { status?: { podIP?: string } }).status
  const podAddress = (node: unknown, hostNetwork: unknown, uid: unknown): string =>
    hostNetwork === true ? nodeIP(String(node)) : podIP(typeof uid === 'string' ? uid : object.metadata.uid ?? '', status?.podIP)
  return {
    Now: () => time, StartTime: () => time, Version: () => 'v1.36.3', Quote: (value) => JSON.stringify(value === undefined || value === null ? '' : goText(value)),
    // JSON on one line is YAML at any depth.
    YAML: (value) => JSON.stringify(value ?? null),
    NodeName: () => nodeName, NodePort: () => undefined, NodeIP: () => nodeIP(nodeName), NodeIPWith: (name) => nodeIP(String(name)),
    NodeIPs: () => [nodeIP(nodeName)], NodeIPsWith: (name) => [nodeIP(String(name))],
    PodIP: () => podAddress(nodeName, false, object.metadata.uid), PodIPWith: (node, hostNetwork, uid) => podAddress(node, hostNetwork, uid),
    PodIPsWith: (node, hostNetwork, uid) => [podAddress(node, hostNetwork, uid)],
    NodeConditions: () => readyConditions(now),
  }
}
