/** The extension points from the chosen node to the written binding (upstream: framework/runtime). */
import type { CycleState, PermitResult, SchedulerPlugin, Verdict } from './framework.ts'
import type { PluginLists } from './plugin-lists.ts'
import type { PointMetrics } from './point-metrics.ts'
import type { NodeInfo, PodInfo } from './snapshot.ts'

const maxPermitMs = 15 * 60_000

/** Permit wants the pod to wait. */
export interface PermitWaits {
  /** Milliseconds that each plugin gives it. */
  readonly waits: ReadonlyMap<string, number>
  readonly message: string
}

/** What a framework does with a pod whose node is chosen. */
export class NodeChosen {
  readonly lists: PluginLists
  readonly points: PointMetrics

  constructor(lists: PluginLists, points: PointMetrics) {
    this.lists = lists
    this.points = points
  }

  reserve(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | undefined {
    const began = this.points.begin()
    let refused: Verdict | undefined
    for (const plugin of this.lists.reserve) {
      const verdict = plugin.reserve?.(state, pod, node)
      if (verdict === undefined) continue
      refused = { ...verdict, plugin: plugin.name }
      break
    }
    this.points.end('Reserve', refused?.code ?? 'Success', began)
    return refused
  }

  /** In the opposite order, so that each finds what it left. */
  unreserve(state: CycleState, pod: PodInfo, nodeName: string): void {
    const began = this.points.begin()
    for (const plugin of this.lists.reserve.toReversed()) plugin.unreserve?.(state, pod, nodeName)
    this.points.end('Unreserve', 'Success', began)
  }

  /** A refusal, or the plugins that make the pod wait with how long each does. */
  permit(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | PermitWaits | undefined {
    const began = this.points.begin()
    const outcome = this.#permit(state, pod, node)
    this.points.end('Permit', outcome === undefined ? 'Success' : 'code' in outcome ? outcome.code : 'Wait', began)
    return outcome
  }

  #permit(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | PermitWaits | undefined {
    const waits = new Map<string, number>()
    const reasons: string[] = []
    for (const plugin of this.lists.permit) {
      const result: PermitResult | undefined = plugin.permit!(state, pod, node)
      if (result === undefined) continue
      if (result.code !== 'Wait') return { ...result, plugin: plugin.name }
      waits.set(plugin.name, Math.min(result.timeoutMs, maxPermitMs))
      if (result.reason !== undefined) reasons.push(result.reason)
    }
    return waits.size === 0 ? undefined : { waits, message: reasons.join(', ') }
  }

  /** Whether any PreBind will have work. */
  willPreBind(state: CycleState, pod: PodInfo, nodeName: string): boolean {
    return this.lists.preBind.some((plugin) => plugin.preBindPreFlight?.(state, pod, nodeName) ?? true)
  }

  async preBind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Verdict | undefined> {
    const began = this.points.begin()
    let status: 'Success' | Verdict['code'] = 'Error'
    try {
      for (const plugin of this.lists.preBind) {
        if (plugin.preBindPreFlight?.(state, pod, nodeName) === false) continue
        const verdict = await named('PreBind', plugin, () => plugin.preBind!(state, pod, nodeName, signal))
        if (verdict === undefined) continue
        status = verdict.code
        return { ...verdict, plugin: plugin.name }
      }
      status = 'Success'
      return undefined
    } finally {
      this.points.end('PreBind', status, began)
    }
  }

  /** True when a plugin bound the pod. */
  async bind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<boolean> {
    const began = this.points.begin()
    let bound = false
    try {
      for (const plugin of this.lists.bind) {
        bound = await named('Bind', plugin, () => plugin.bind!(state, pod, nodeName, signal))
        if (bound) break
      }
      return bound
    } finally {
      this.points.end('Bind', bound ? 'Success' : 'Error', began)
    }
  }

  postBind(state: CycleState, pod: PodInfo, nodeName: string): void {
    const began = this.points.begin()
    for (const plugin of this.lists.postBind) plugin.postBind!(state, pod, nodeName)
    this.points.end('PostBind', 'Success', began)
  }
}

/** Errors say which plugin failed. */
async function named<T>(point: string, plugin: SchedulerPlugin, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw new Error(`running ${point} plugin "${plugin.name}": ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
