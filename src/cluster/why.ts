/** Why an object is as it is: the writes that made it, whose they were, and what those had seen. */
import type { Cause, Env, RequestCause } from '../base/env.ts'
import type { Filter } from '../apiserver/handler.ts'
import type { KVStore } from '../apiserver/storage/store.ts'

/** A write with what led to it. */
export interface WhyStep {
  readonly revision: number
  /** ms since the epoch. */
  readonly time: number
  readonly change: 'created' | 'changed' | 'deleted'
  /** "pods/default/web-1", as in the store's keys. */
  readonly object: string
  /** Who asked, and how; undefined when the store itself did (a lifetime was over). */
  readonly request?: { readonly user: string; readonly verb: string; readonly path: string; readonly changedBy: readonly string[] }
  /** The controller's look at a key that the request came from. */
  readonly reconcile?: { readonly controller: string; readonly key: string }
  /** The writes that this one came from, the nearest first; not told twice. */
  readonly because: readonly WhyStep[]
}

interface Written {
  readonly revision: number
  readonly time: number
  readonly key: string
  readonly change: WhyStep['change']
  readonly cause: Cause | undefined
  /** The write of the same object before this one. */
  readonly before: number | undefined
}

const keptWrites = 100_000
const prefix = '/registry/'

/** Writes down what led to each write of a store in memory. */
export class WhyRecorder {
  readonly #writes = new Map<number, Written>()
  readonly #latest = new Map<string, number>()
  readonly #stop: () => void

  constructor(env: Env, store: KVStore) {
    if (store.local === undefined) throw new Error('causes are followed where the state lives in this process')
    this.#stop = store.local.subscribe(prefix, ({ type, key, previous }, revision) => {
      const change = type === 'delete' ? 'deleted' : previous === undefined ? 'created' : 'changed'
      this.#writes.set(revision, { revision, time: env.clock.now(), key, change, cause: env.trace?.current(), before: this.#latest.get(key) })
      this.#latest.set(key, revision)
      if (this.#writes.size > keptWrites) this.#forgetOldest()
    })
  }

  #forgetOldest(): void {
    const { revision, key } = this.#writes.values().next().value!
    this.#writes.delete(revision)
    if (this.#latest.get(key) === revision) this.#latest.delete(key)
  }

  stop(): void {
    this.#stop()
  }

  /**
   * The last `limit` writes of the object, the newest first. `object`: "pods/default/web", "deployments/default/web",
   * or the end of a store's key that only one object has. Throws when there is none or more than one.
   */
  why(object: string, limit = 5): WhyStep[] {
    const steps: WhyStep[] = []
    for (let at: number | undefined = this.#latest.get(this.#keyOf(object)); at !== undefined && steps.length < limit;) {
      const written = this.#writes.get(at)
      if (written === undefined) break
      steps.push(this.#step(written, new Set(), 0))
      at = written.before
    }
    return steps
  }

  #keyOf(object: string): string {
    const exact = prefix + object
    if (this.#latest.has(exact)) return exact
    const keys = [...this.#latest.keys()].filter((key) => key.endsWith(`/${object}`))
    if (keys.length === 1) return keys[0]!
    if (keys.length === 0) throw new Error(`nothing was written of ${object} since causes are followed`)
    throw new Error(`${object} may be ${keys.map((key) => key.slice(prefix.length)).slice(0, 5).join(' or ')}`)
  }

  #step({ revision, time, key, change, cause, before }: Written, told: Set<number>, depth: number): WhyStep {
    told.add(revision)
    const request = cause?.type === 'request' ? cause : undefined
    const origin = originOf(cause)
    // Whoever does not say what made it act has most likely seen the object itself.
    const seen = origin?.type === 'reconcile' ? origin.events : origin?.type === 'event' ? [origin.revision] : isComponent(request) && before !== undefined ? [before] : []
    const because = depth > 20 ? [] : seen.flatMap((at) => {
      const written = this.#writes.get(at)
      return written === undefined || told.has(at) ? [] : [this.#step(written, told, depth + 1)]
    })
    return {
      revision, time, change, object: key.slice(prefix.length), because,
      ...(request === undefined ? {} : { request: { user: request.user, verb: request.verb, path: request.path, changedBy: request.changedBy } }),
      ...(origin?.type === 'reconcile' ? { reconcile: { controller: origin.controller, key: origin.key } } : {}),
    }
  }

  /** The filter by which writes know their requests. */
  static filter({ trace }: Env): Filter {
    return {
      name: 'why',
      wrap: (next) => (trace === undefined ? next : (request) => {
        if (readVerbs.has(request.info.verb)) return next(request)
        const cause: RequestCause = {
          type: 'request', verb: request.info.verb, path: request.info.path, user: request.user.name, changedBy: [], because: trace.current(),
        }
        return trace.run(cause, () => next(request))
      }),
    }
  }
}

const readVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch'])

/** What stands behind all requests that came from each other. */
function originOf(cause: Cause | undefined): Cause | undefined {
  let at = cause
  while (at?.type === 'request') at = at.because
  return at
}

function isComponent(request: RequestCause | undefined): boolean {
  return request !== undefined && request.user.startsWith('system:')
}

/** The steps as a tree of lines, for people. */
export function renderWhy(steps: readonly WhyStep[]): string {
  const lines: string[] = []
  for (const step of steps) render(step, '', '', lines)
  return lines.join('\n') + '\n'
}

function render(step: WhyStep, first: string, rest: string, lines: string[]): void {
  const { request, reconcile } = step
  const who = request === undefined ? 'by the store: its time was over' : `by ${request.user}`
  const looking = reconcile === undefined ? '' : `, ${reconcile.controller} looking at ${reconcile.key}`
  lines.push(`${first}${step.object} ${step.change} at revision ${step.revision}, ${new Date(step.time).toISOString()}, ${who}${looking}`)
  if (request !== undefined) {
    lines.push(`${rest}  request: ${request.verb} ${request.path}`)
    if (request.changedBy.length > 0) lines.push(`${rest}  changed by admission: ${[...new Set(request.changedBy)].join(', ')}`)
  }
  for (const [i, cause] of step.because.entries()) {
    const last = i === step.because.length - 1
    render(cause, `${rest}  ${last ? '└─' : '├─'} it saw `, `${rest}  ${last ? '  ' : '│ '} `, lines)
  }
}
