/**
 * Whether a history may have happened. Revisions make the order of writes visible, so no order has to be searched for:
 * the writes that the log shows are replayed on the model, and each answer is compared with the model at the revision
 * that it names. With the rules about real time below, that is strict serializability.
 */
import { type Call, type History, type SeenEvent, type SeenItem, type Watch, reached } from './history.ts'
import { type Held, Model, type Written } from './model.ts'

/**
 * What is wrong with the history, in sentences; empty when nothing is. `exclusive`: nobody else wrote, so revisions have no
 * gaps; `lateStart`: what is before the first events of a watch may lack,
 * as with etcd, which may read them before it has noted that the watch wants it (server/etcdserver/api/v3rpc/watch.go: a
 * watch is begun before prevKV is set).
 */
export function violations(history: History, o: { readonly exclusive?: boolean; readonly lateStart?: boolean } = {}): string[] {
  const out: string[] = []
  if (history.log.error !== undefined) return [`the watch of everything broke off: ${history.log.error}`]
  if (reached(history.log) < history.endRevision) return [stuck(history)]
  const model = replay(history, o.exclusive === true, out)
  if (out.length > 0) return out
  realTime(history, out)
  for (const call of history.calls) answer(history, model, call, out)
  for (const watch of [history.log, ...history.watches]) watched(history, model, watch, o.lateStart === true, out)
  return out
}

/**
 * The watch of everything has not shown the end, nor said that it is there: what it would have told of writes behind its
 * place cannot be judged, and whether only it stands still is what the others tell.
 */
function stuck({ log, watches, calls, endRevision }: History): string {
  const at = reached(log)
  const behind = calls.flatMap(({ outcome }) => (outcome.type === 'written' && outcome.revision > at ? [outcome.revision] : []))
  const others = watches.filter(({ stopped, compacted, error }) => !stopped && !compacted && error === undefined)
  return `the watch of everything stands at revision ${at} and got no further: writes at ${behind.join(', ')} are not told yet, the last is ${endRevision}; ${others.filter((watch) => reached(watch) >= endRevision).length} of ${others.length} other watches are there`
}

/** The model after the writes of the log, each of which somebody must have asked for. */
function replay({ log, calls, startRevision }: History, exclusive: boolean, out: string[]): Model {
  const model = new Model()
  const acknowledged = new Map<number, Call>()
  for (const call of calls) {
    if (call.outcome.type !== 'written') continue
    const { revision } = call.outcome
    if (acknowledged.has(revision)) out.push(`two writes were told revision ${revision}`)
    acknowledged.set(revision, call)
  }
  let last = startRevision
  for (const { revision, events } of log.batches) {
    if (events.length === 0) continue
    if (revision <= last || (exclusive && revision !== last + 1)) {
      out.push(`revision ${revision} comes behind ${last} in the log`)
      return model
    }
    last = revision
    if (events.length !== 1) {
      out.push(`revision ${revision} has ${events.length} events`)
      return model
    }
    for (const event of events) {
      const call = acknowledged.get(revision) ?? calls.find((each) => mayBe(each, event, model))
      acknowledged.delete(revision)
      if (call === undefined) out.push(`nobody asked for ${event.type} ${event.key} = ${event.value} at revision ${revision}`)
      else asAsked(call, event, model.get(event.key), out)
      model.write(event.key, event.value, revision)
    }
  }
  for (const [revision, { operation }] of acknowledged) out.push(`the write ${JSON.stringify(operation)} was acknowledged at revision ${revision} and is lost`)
  return model
}

/** A write whose fate its client never learned. */
function mayBe({ operation, outcome }: Call, event: SeenEvent, model: Model): boolean {
  if (outcome.type !== 'failed') return false
  if (operation.type === 'delete') return event.type === 'delete' && operation.key === event.key && model.get(event.key)?.modRevision === operation.expected
  return (operation.type === 'create' || operation.type === 'update') && operation.value === event.value
}

function asAsked({ operation }: Call, event: SeenEvent, before: Held | undefined, out: string[]): void {
  const fits = operation.type === 'create' ? before === undefined && event.type === 'put' && event.value === operation.value
    : operation.type === 'update' ? before?.modRevision === operation.expected && event.type === 'put' && event.value === operation.value
      : operation.type === 'delete' && before?.modRevision === operation.expected && event.type === 'delete'
  if (!fits || !('key' in operation) || operation.key !== event.key) {
    out.push(`revision ${event.revision} is ${event.type} ${event.key} = ${event.value} over ${JSON.stringify(before)}, asked for was ${JSON.stringify(operation)}`)
  }
}

/** The revision that a call is known to have acted at. */
function actedAt({ operation, outcome }: Call): number | undefined {
  if (!('revision' in outcome)) return undefined
  // A list of the past names the past.
  return (operation.type === 'list' || operation.type === 'get') && operation.revision !== undefined && outcome.type === 'read' ? undefined : outcome.revision
}

/** What ended before another began is not behind it; and nothing shows a write that nobody has asked for yet. */
function realTime({ calls }: History, out: string[]): void {
  const ended = [...calls].sort((a, b) => a.end - b.end)
  let at = 0
  let floor = 0
  for (const call of [...calls].sort((a, b) => a.begin - b.begin)) {
    for (; at < ended.length && ended[at]!.end < call.begin; at++) floor = Math.max(floor, actedAt(ended[at]!) ?? 0)
    const acted = actedAt(call)
    if (acted === undefined) continue
    if (acted < floor || (call.outcome.type === 'written' && acted === floor)) {
      out.push(`${JSON.stringify(call.operation)} acted at revision ${acted}, though revision ${floor} was known before it began`)
    }
  }
  for (const write of calls) {
    if (write.outcome.type !== 'written') continue
    const { revision } = write.outcome
    const early = calls.find((call) => call.end < write.begin && (actedAt(call) ?? 0) >= revision)
    if (early !== undefined) out.push(`${JSON.stringify(early.operation)} knew revision ${revision} before it was asked for`)
  }
}

const held = (one: Held | SeenItem | undefined): string => (one === undefined ? 'nothing' : `${one.key}=${one.value}@${one.createRevision}/${one.modRevision}`)

function answer(history: History, model: Model, call: Call, out: string[]): void {
  const { operation, outcome } = call
  const complain = (why: string) => out.push(`${JSON.stringify(operation)} was answered ${JSON.stringify(outcome)}: ${why}`)
  if (outcome.type === 'refused' && (operation.type === 'create' || operation.type === 'update' || operation.type === 'delete')) {
    const then = model.get(operation.key, outcome.revision)
    if (held(then) !== held(outcome.current)) complain(`the key held ${held(then)}`)
    const met = operation.type === 'create' ? then === undefined : then !== undefined && then.modRevision === operation.expected
    if (met) complain('the expectation was met')
  } else if (outcome.type === 'read') read(history, model, call, complain)
  else if (outcome.type === 'compacted') {
    const revision = 'revision' in operation ? operation.revision : undefined
    const floor = operation.type === 'compact' ? (revision ?? 0) : (revision ?? 0) + 1
    // What was before the history began may have been compacted then.
    const before = operation.type === 'compact' && operation.revision <= history.startRevision
    if (!before && (revision === undefined || !compactions(history, ({ begin }) => begin < call.end).some((at) => at >= floor))) complain('nobody compacted that')
  } else if (outcome.type === 'future') {
    const revision = 'revision' in operation ? operation.revision ?? 0 : 0
    const known = Math.max(history.startRevision, ...history.calls.filter(({ end }) => end < call.begin).map((each) => actedAt(each) ?? 0))
    if (revision <= known) complain(`revision ${known} was known`)
  } else if (outcome.type === 'failed') complain('it failed')
}

function read(history: History, model: Model, call: Call, complain: (why: string) => void): void {
  const { operation, outcome } = call
  if (outcome.type !== 'read' || operation.type === 'revision') return
  const asked = 'revision' in operation ? operation.revision : undefined
  const at = asked ?? outcome.revision
  if (operation.type === 'get') {
    const then = held(model.get(operation.key, at))
    if (then !== held(outcome.items[0])) complain(`the key held ${then}`)
  } else if (operation.type === 'list') {
    if (outcome.revision !== at) complain('it shows another revision')
    const all = model.list(operation.prefix, at).filter(({ key }) => operation.after === undefined || key > operation.after)
    const wanted = operation.limit === undefined ? all : all.slice(0, operation.limit)
    if (wanted.map(held).join() !== outcome.items.map(held).join()) complain(`there were ${wanted.map(held).join()}`)
    if (outcome.remaining !== all.length - wanted.length || outcome.more !== all.length > wanted.length) complain(`${all.length - wanted.length} remain`)
  }
  if (asked !== undefined && compactions(history, ({ end }) => end < call.begin).some((floor) => floor > asked)) complain('that revision was compacted')
}

/** Revisions of the compactions that were performed, or may have been. */
function compactions({ compactions: calls }: History, when: (call: Call) => boolean): number[] {
  return calls.flatMap((call) => (call.operation.type === 'compact' && call.outcome.type === 'done' && when(call) ? [call.operation.revision] : []))
}

/** Ordered, complete, nothing twice; progress marks do not promise too much. */
function watched(history: History, model: Model, watch: Watch, lateStart: boolean, out: string[]): void {
  const name = `the watch of ${watch.prefix} from ${watch.from}`
  if (watch.error !== undefined) out.push(`${name} broke off: ${watch.error}`)
  if (watch.compacted) {
    if (watch.batches.length > 0) out.push(`${name} was told of compaction after its first events`)
    if (!compactions(history, ({ begin }) => begin < watch.end).some((at) => at > watch.from)) out.push(`${name} was told of a compaction that there was not`)
    return
  }
  let last = watch.from
  const events: SeenEvent[] = []
  for (const batch of watch.batches) {
    if (batch.revision < last || (batch.events.length > 0 && batch.revision === last)) out.push(`${name} went back from ${last} to ${batch.revision} (${batch.events.length} events): ${watch.batches.map((each) => `${each.revision}:${each.events.length}`).join(' ')}`)
    last = Math.max(last, batch.revision)
    events.push(...batch.events)
  }
  const end = reached(watch)
  const wanted = model.between(watch.prefix, watch.from, end)
  const theirs = wanted.map(eventText)
  // What was before an event may be compacted when a watch of the past comes to it.
  const compacted = (event: SeenEvent) => compactions(history, ({ begin }) => begin < watch.end).some((at) => at >= event.revision)
  const noted = events.findIndex(({ previous }) => previous !== undefined)
  const forgotten = (event: SeenEvent, i: number) => event.previous === undefined && ((lateStart && (noted < 0 || i < noted)) || compacted(event))
  const ours = events.map((event, i) => (forgotten(event, i) && wanted[i]?.version.revision === event.revision ? seenText({ ...event, createRevision: wanted[i].version.createRevision, previous: wanted[i].previous }) : seenText(event)))
  if (theirs.join('\n') !== ours.join('\n')) out.push(`${name} up to ${end} was told\n  ${ours.join('\n  ')}\nwanted\n  ${theirs.join('\n  ')}\ncompactions: ${compactionsText(history, watch)}`)
  if (!watch.stopped && end < history.endRevision) out.push(`${name} did not get behind ${end} (the end is ${history.endRevision})`)
}

function compactionsText({ compactions: calls }: History, { begin, end }: Watch): string {
  const shown = calls.map(({ operation, outcome, begin, end }) => `${operation.type === 'compact' ? operation.revision : ''} ${outcome.type} from ${begin} to ${end}`)
  return `${shown.join(', ')} (the watch was from ${begin} to ${end})`
}

function eventText({ key, version, previous }: Written): string {
  return `${version.revision} ${version.value === undefined ? 'delete' : 'put'} ${key}=${version.value} created ${version.createRevision} before ${held(previous)}`
}

function seenText(event: SeenEvent): string {
  return `${event.revision} ${event.type} ${event.key}=${event.value} created ${event.createRevision} before ${held(event.previous)}`
}
