/**
 * A cluster's own controls over HTTP, below /coxswain: everything by query parameters, answers in JSON. Whoever may
 * use them is decided as for any other path that is no resource.
 */
import type { Env } from '../base/env.ts'
import { isVirtual } from '../base/real/virtual.ts'
import { badRequest, StatusError } from '../api/meta/errors.ts'
import type { ApiRequest, ApiResponse } from '../apiserver/handler.ts'
import type { Cluster } from './cluster.ts'
import type { FaultRule } from './faults.ts'

const base = '/coxswain/'

/** Answers the paths below /coxswain; undefined for all others. */
export function controlApi(cluster: () => Cluster): (request: ApiRequest) => Promise<ApiResponse> | undefined {
  return ({ info, query }) => {
    if (!info.path.startsWith(base)) return undefined
    const route = routes[`${info.verb.toUpperCase()} ${info.path.slice(base.length)}`]
    if (route === undefined) return undefined
    return answer(() => route(cluster(), query))
  }
}

type Route = (cluster: Cluster, query: URLSearchParams) => unknown

const routes: Readonly<Record<string, Route>> = {
  'GET time': ({ env }) => timeOf(env),
  'POST time': moveTime,
  'GET faults': ({ faults }) => ({ seed: faults.seed, faults: faults.list() }),
  'POST faults': ({ faults }, query) => ({ name: faults.add(JSON.parse(required(query, 'rule')) as FaultRule) }),
  'DELETE faults': ({ faults }, query) => {
    const name = query.get('name')
    if (name === null) faults.clear()
    else if (!faults.remove(name)) throw badRequest(`there is no fault ${JSON.stringify(name)}`)
    return { faults: faults.list() }
  },
  'GET why': (cluster, query) => cluster.why(required(query, 'object'), Number(query.get('limit') ?? 5)),
}

async function moveTime({ env }: Cluster, query: URLSearchParams): Promise<object> {
  if (!isVirtual(env)) throw badRequest('this cluster has real time')
  const { clock } = env
  const [advance, to, run] = [query.get('advance'), query.get('to'), query.get('run')]
  if (advance !== null) await clock.advance(advance)
  else if (to !== null) await clock.advanceTo(to)
  else if (run !== null) clock.run(run === '' ? 1 : Number(run))
  else if (query.has('step')) await clock.step()
  else if (query.has('pause')) clock.pause()
  else throw badRequest('say advance=30d, to=MOMENT, step, run=SPEED or pause')
  return timeOf(env)
}

function timeOf(env: Env): object {
  const now = new Date(env.clock.now()).toISOString()
  if (!isVirtual(env)) return { virtual: false, now }
  const { next, paused } = env.clock
  return { virtual: true, now, paused, ...(next === undefined ? {} : { next: new Date(next).toISOString() }) }
}

function required(query: URLSearchParams, name: string): string {
  const value = query.get(name)
  if (value === null || value === '') throw badRequest(`the parameter ${name} is missing`)
  return value
}

/** What goes wrong here is most often what was asked for. */
async function answer(run: () => unknown): Promise<ApiResponse> {
  try {
    const value = await run()
    return { type: 'raw', code: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) + '\n' }
  } catch (error) {
    if (error instanceof StatusError) throw error
    throw badRequest(error instanceof Error ? error.message : String(error))
  }
}
