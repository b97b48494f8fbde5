/** Extenders: other programs that filter, score, bind or choose victims over HTTP (upstream: extender.go, kube-scheduler/extender/v1). */
import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import { parseDuration } from '../api/meta/time.ts'
import type { Env } from '../base/env.ts'
import type { ExtenderConfig } from './config/types.ts'
import type { NodeInfo, PodInfo } from './snapshot.ts'

/** POSTs JSON; answers the status code and the decoded body. */
export type PostJson = (url: string, body: unknown, signal: AbortSignal) => Promise<{ readonly code: number; readonly body: unknown }>

export interface Victims {
  readonly pods: readonly PodInfo[]
  readonly budgetViolations: number
}

export interface ExtenderFilterResult {
  readonly nodes: readonly NodeInfo[]
  readonly failed: Readonly<Record<string, string>>
  readonly unresolvable: Readonly<Record<string, string>>
}

interface MetaVictims {
  readonly pods?: readonly Record<string, unknown>[]
  readonly numpdbviolations?: number
}

const maxExtenderPriority = 10
const defaultTimeoutMs = 5_000

export class Extender {
  readonly config: ExtenderConfig
  readonly #post: PostJson
  readonly #env: Env
  readonly #managed: ReadonlySet<string>

  constructor(config: ExtenderConfig, post: PostJson, env: Env) {
    this.config = config
    this.#post = post
    this.#env = env
    this.#managed = new Set((config.managedResources ?? []).map(({ name }) => name))
  }

  get name(): string {
    return this.config.urlPrefix
  }
  get ignorable(): boolean {
    return this.config.ignorable === true
  }
  get filters(): boolean {
    return (this.config.filterVerb ?? '') !== ''
  }
  get prioritizes(): boolean {
    return (this.config.prioritizeVerb ?? '') !== ''
  }
  get binds(): boolean {
    return (this.config.bindVerb ?? '') !== ''
  }
  get preempts(): boolean {
    return (this.config.preemptVerb ?? '') !== ''
  }

  /** An extender of certain resources looks at pods that ask for them only. */
  isInterested(pod: Pod): boolean {
    if (this.#managed.size === 0) return true
    return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
      .some(({ resources }) => Object.keys({ ...resources?.requests, ...resources?.limits }).some((name) => this.#managed.has(name)))
  }

  async filter(pod: Pod, nodes: readonly NodeInfo[]): Promise<ExtenderFilterResult> {
    const result = caseless(await this.#send(this.config.filterVerb!, this.#arguments(pod, nodes)))
    throwIfError(result)
    const listed = result['nodenames'] as readonly string[] | null | undefined
    const names = this.config.nodeCacheCapable === true && listed
      ? listed
      : ((result['nodes'] as { items?: readonly Node[] } | null | undefined)?.items ?? []).map(({ metadata }) => metadata.name!)
    const known = new Map(nodes.map((node) => [node.name, node]))
    const kept = names.map((name) => {
      const node = known.get(name)
      if (node === undefined) throw new Error(`extender "${this.name}" claims a filtered node "${name}" which is not found in the input node list`)
      return node
    })
    const reasons = (value: unknown) => (value ?? {}) as Readonly<Record<string, string>>
    return { nodes: kept, failed: reasons(result['failednodes']), unresolvable: reasons(result['failedandunresolvablenodes']) }
  }

  /** What the extender adds to each node's score. */
  async prioritize(pod: Pod, nodes: readonly NodeInfo[]): Promise<Map<string, number>> {
    const answer = await this.#send(this.config.prioritizeVerb!, this.#arguments(pod, nodes))
    const scores = (Array.isArray(answer) ? answer : []).map((entry) => caseless(entry))
    return new Map(scores.map(({ host, score }) => [String(host), Number(score) * (this.config.weight ?? 1) * (100 / maxExtenderPriority)]))
  }

  async bind({ metadata: { name, namespace, uid } }: Pod, node: string): Promise<void> {
    const result = caseless(await this.#send(this.config.bindVerb!, { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node }))
    throwIfError(result)
  }

  /** Which of the candidates stay, and with which victims. */
  async preempt(pod: Pod, candidates: ReadonlyMap<string, Victims>, nodeOf: (name: string) => NodeInfo | undefined): Promise<Map<string, Victims>> {
    const byNode = (convert: (victim: PodInfo) => unknown) => Object.fromEntries([...candidates].map(([node, { pods, budgetViolations }]) =>
      [node, { Pods: pods.map(convert), NumPDBViolations: budgetViolations }]))
    const victims = this.config.nodeCacheCapable === true
      ? { NodeNameToMetaVictims: byNode(({ uid }) => ({ UID: uid })) }
      : { NodeNameToVictims: byNode((victim) => victim.pod) }
    const result = caseless(await this.#send(this.config.preemptVerb!, { Pod: pod, ...victims }))
    return new Map(Object.entries((result['nodenametometavictims'] ?? {}) as Record<string, unknown>).map(([name, value]) => {
      const node = nodeOf(name)
      if (node === undefined) throw new Error(`nodeinfo not found for node name "${name}"`)
      const { pods = [], numpdbviolations = 0 } = caseless(value) as MetaVictims
      return [name, { pods: pods.map((entry) => this.#victim(node, String(caseless(entry)['uid']))), budgetViolations: numpdbviolations }]
    }))
  }

  #victim(node: NodeInfo, uid: string): PodInfo {
    const victim = node.pods.get(uid)
    if (victim === undefined) throw new Error(`extender: ${this.name} claims to preempt pod (UID: ${uid}) on node: ${node.name}, but the pod is not found on that node`)
    return victim
  }

  #arguments(pod: Pod, nodes: readonly NodeInfo[]): object {
    return this.config.nodeCacheCapable === true
      ? { Pod: pod, Nodes: null, NodeNames: nodes.map(({ name }) => name) }
      : { Pod: pod, Nodes: { metadata: {}, items: nodes.map(({ node }) => node) }, NodeNames: null }
  }

  async #send(verb: string, body: unknown): Promise<unknown> {
    const url = `${this.config.urlPrefix.replace(/\/+$/, '')}/${verb}`
    const limit = new AbortController()
    const timeoutMs = this.config.httpTimeout === undefined ? defaultTimeoutMs : parseDuration(this.config.httpTimeout) ?? defaultTimeoutMs
    const timer = this.#env.clock.setTimeout(() => limit.abort(new Error(`Post "${url}": context deadline exceeded`)), timeoutMs)
    try {
      const answer = await this.#post(url, body, limit.signal)
      if (answer.code !== 200) throw new Error(`failed ${verb} with extender at URL ${url}, code ${answer.code}`)
      return answer.body
    } finally {
      timer.cancel()
    }
  }
}

/** The types have no JSON names, so Go writes theirs with capitals and reads any case; extenders in other languages use what they like. */
function caseless(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key.toLowerCase(), part]))
}

function throwIfError({ error }: Record<string, unknown>): void {
  if (typeof error === 'string' && error !== '') throw new Error(error)
}
