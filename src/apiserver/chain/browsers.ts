/** What browsers and clients behind balancers are told (apiserver/pkg/server/filters: cors.go, hsts.go, goaway.go). */
import type { Random } from '../../base/env.ts'
import type { Filter } from '../handler.ts'
import { exchangeOf, header, sendAway } from '../http/exchange.ts'

export interface FrontSettings {
  /** Whether pages of this origin may call the server; undefined: browsers keep all pages from it. */
  readonly allowedOrigin?: (origin: string) => boolean
  /** Parts of Strict-Transport-Security: "max-age=31536000", "includeSubDomains", "preload". */
  readonly hstsDirectives?: readonly string[]
  /** Chance of a request over HTTP/2 to end its connection once it is answered; at most 0.02. */
  readonly goawayChance?: number
}

const allowedMethods = 'POST, GET, OPTIONS, PUT, DELETE, PATCH'
const allowedHeaders = 'Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since'

/** The filters that are wanted, outermost first. */
export function frontFilters(random: Random, { allowedOrigin, hstsDirectives = [], goawayChance = 0 }: FrontSettings): Filter[] {
  return [
    ...(hstsDirectives.length === 0 ? [] : [hstsFilter(hstsDirectives)]),
    ...(goawayChance > 0 ? [goawayFilter(random, goawayChance)] : []),
    ...(allowedOrigin === undefined ? [] : [corsFilter(allowedOrigin)]),
  ]
}

function hstsFilter(directives: readonly string[]): Filter {
  const value = directives.join('; ')
  return {
    name: 'hsts',
    wrap: (next) => (request) => {
      const exchange = exchangeOf(request)
      if (exchange !== undefined) exchange.responseHeaders['strict-transport-security'] = value
      return next(request)
    },
  }
}

/** A question whether a page may ask (preflight) is answered here; it carries no credential. */
function corsFilter(allowedOrigin: (origin: string) => boolean): Filter {
  return {
    name: 'cors',
    wrap: (next) => (request) => {
      const exchange = exchangeOf(request)
      const origin = exchange === undefined ? '' : (header(exchange.headers, 'origin') ?? '')
      if (exchange === undefined || origin === '' || !allowedOrigin(origin)) return next(request)
      Object.assign(exchange.responseHeaders, {
        'access-control-allow-origin': origin, 'access-control-allow-methods': allowedMethods, 'access-control-allow-headers': allowedHeaders,
        'access-control-expose-headers': 'Date', 'access-control-allow-credentials': 'true',
      })
      return exchange.method === 'OPTIONS' ? Promise.resolve({ type: 'raw', code: 204, headers: {}, body: '' }) : next(request)
    },
  }
}

/** Requests under way on the connection are answered; the client opens another, which a balancer may send elsewhere. */
function goawayFilter(random: Random, chance: number): Filter {
  return {
    name: 'goaway',
    wrap: (next) => (request) => {
      const exchange = exchangeOf(request)
      if (exchange !== undefined && random.next() < chance) sendAway(exchange)
      return next(request)
    },
  }
}
