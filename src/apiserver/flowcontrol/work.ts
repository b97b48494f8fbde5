/** How many seats a request takes (apiserver/pkg/util/flowcontrol/request). */
import type { RequestInfo } from '../handler.ts'
import type { Work } from './queue-set.ts'

export interface Stats {
  readonly count: number
  /** Of an object, as stored. */
  readonly averageBytes: number
}

export interface WorkSources {
  /** What is stored of a resource; undefined for those of other servers. */
  stats(group: string, resource: string): Stats | undefined
  /** How many watches a change is of interest to. */
  watches(info: RequestInfo): number
  /** At most so many seats for one request of the level; undefined: no bound of its own. */
  maxSeats(level: string): number | undefined
  watched(count: number): void
}

const bytesPerSeat = 100_000
/** What a list takes at most that is written from the cache bit by bit. */
const maxStreamedBytes = 1_000_000
const maxObjectBytes = 1_500_000
const maxListSeats = 100
const maxMutatingSeats = 10
const watchesPerSeat = 10
/** Time that a change's events keep a seat for. */
const eventMs = 5

const oneSeat: Work = { initialSeats: 1, finalSeats: 0, additionalMs: 0 }

export function estimateWork(info: RequestInfo, query: URLSearchParams, level: string, sources: WorkSources): Work {
  switch (info.verb) {
    case 'list':
    case 'watch':
      return listWork(info, query, level, sources)
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return mutatingWork(info, level, sources)
    default:
      return oneSeat
  }
}

function listWork(info: RequestInfo, query: URLSearchParams, level: string, sources: WorkSources): Work {
  const version = query.get('resourceVersion') ?? ''
  if (info.verb === 'watch' && query.get('sendInitialEvents') !== 'true' && version !== '' && version !== '0') return oneSeat
  const stats = sources.stats(info.apiGroup, info.resource)
  if (stats === undefined) return oneSeat
  const limit = Number(query.get('limit') ?? 0)
  const count = limit > 0 ? Math.min(limit, stats.count) : stats.count
  const size = stats.averageBytes <= 0 && stats.count > 0 ? maxObjectBytes : stats.averageBytes
  const bytes = Math.min((info.name === '' ? count : 1) * size, maxStreamedBytes)
  const most = Math.min(sources.maxSeats(level) ?? maxListSeats, maxListSeats)
  return { ...oneSeat, initialSeats: Math.min(Math.max(Math.ceil(bytes / bytesPerSeat), 1), most) }
}

function mutatingWork(info: RequestInfo, level: string, sources: WorkSources): Work {
  if (info.resource === 'serviceaccounts' && info.subresource === 'token') return oneSeat
  const watches = sources.watches(info)
  sources.watched(watches)
  if (watches < watchesPerSeat) return oneSeat
  const seats = Math.ceil(watches / watchesPerSeat)
  const finalSeats = Math.min(seats, sources.maxSeats(level) ?? maxMutatingSeats, maxMutatingSeats)
  return { initialSeats: 1, finalSeats, additionalMs: seats * eventMs / finalSeats }
}

const readVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch'])

/** Counts the watches that are open (flowcontrol/watch_tracker.go). */
export class WatchCounts {
  readonly #counts = new Map<string, number>()

  /** Notes a watch; the function answered forgets it. One of a single node's pods is of little interest to others. */
  add(info: RequestInfo, query: URLSearchParams): () => void {
    if (info.resource === 'pods' && /(?:^|,)spec\.nodeName==?[^,]/.test(query.get('fieldSelector') ?? '')) return () => undefined
    const key = keyOf(info, info.namespace, info.name)
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    let gone = false
    return () => {
      if (gone) return
      gone = true
      const left = this.#counts.get(key)! - 1
      if (left === 0) this.#counts.delete(key)
      else this.#counts.set(key, left)
    }
  }

  of(info: RequestInfo): number {
    if (readVerbs.has(info.verb)) return 0
    let sum = this.#counts.get(keyOf(info, '', '')) ?? 0
    if (info.namespace !== '') sum += this.#counts.get(keyOf(info, info.namespace, '')) ?? 0
    if (info.name !== '') sum += this.#counts.get(keyOf(info, info.namespace, info.name)) ?? 0
    return sum
  }
}

const keyOf = (info: RequestInfo, namespace: string, name: string): string => `${info.apiGroup}/${info.resource}/${namespace}/${name}`
