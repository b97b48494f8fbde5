/** Accept headers as upstream reads them (upstream: github.com/munnerz/goautoneg, endpoints/handlers/negotiation). */

/** One media range that a client takes. */
export interface Clause {
  readonly type: string
  readonly subtype: string
  readonly params: Readonly<Record<string, string>>
  readonly q: number
}

/** Accept headers repeat without end; what they parse to is kept. */
const parsed = new Map<string, readonly Clause[]>()

/** The clauses of an Accept header, best first: by quality, named types before "*", equal ones in their order. */
export function parseAccept(text: string): readonly Clause[] {
  const known = parsed.get(text)
  if (known !== undefined) return known
  const clauses: Clause[] = []
  for (const part of text.split(',')) {
    const clause = clauseOf(part)
    if (clause === undefined) continue
    // The order is no consistent one, so how it is sorted is part of it: Go inserts one by one.
    let at = clauses.length
    while (at > 0 && before(clause, clauses[at - 1]!)) at--
    clauses.splice(at, 0, clause)
  }
  if (parsed.size > 1000) parsed.clear()
  parsed.set(text, clauses)
  return clauses
}

function before(a: Clause, b: Clause): boolean {
  return a.q > b.q || (a.type !== '*' && b.type === '*') || (a.subtype !== '*' && b.subtype === '*')
}

/** Undefined: no media range. */
function clauseOf(part: string): Clause | undefined {
  const [range, ...parameters] = part.split(';')
  const [type = '', subtype = '', ...more] = range!.split('/').map((word) => word.trim())
  if ((subtype === '' && type !== '*') || more.join('') !== '') return undefined
  const params: Record<string, string> = {}
  let q = 1
  for (const parameter of parameters) {
    const [name, value = '', ...rest] = parameter.split('=')
    if (value === '' || rest.length > 0) continue
    if (name!.trim() === 'q') q = Number.isNaN(Number(value)) ? 0 : Number(value)
    else params[name!.trim()] = value.trim()
  }
  return { type, subtype: subtype === '' ? '*' : subtype, params, q }
}

/** Whether a clause takes a media type. */
export function takes({ type, subtype }: Clause, mediaType: string): boolean {
  const slash = mediaType.indexOf('/')
  if (type === '*') return subtype === '*'
  return type === mediaType.slice(0, slash) && (subtype === '*' || subtype === mediaType.slice(slash + 1))
}

/** Whether the answer is for a person to read: `pretty` of the query, or a browser's or a command line's user agent. */
export function wantsPretty(query: URLSearchParams, userAgent: string): boolean {
  const asked = query.get('pretty')
  if (asked !== null && asked !== '') return ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(asked)
  return userAgent.startsWith('curl') || userAgent.startsWith('Wget') || userAgent.startsWith('Mozilla/5.0')
}
