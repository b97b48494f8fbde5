/** /healthz, /livez, /readyz and the checks below them (upstream: apiserver/pkg/server/healthz). */

export interface HealthCheck {
  readonly name: string
  /** Undefined: fine. A text: what is wrong. */
  check(): Promise<string | undefined> | string | undefined
  /** In which of the three it counts; default all. */
  readonly in?: readonly HealthEndpoint[]
}

export type HealthEndpoint = 'healthz' | 'livez' | 'readyz'

export interface HealthAnswer {
  readonly code: number
  readonly body: string
}

type Observe = (check: string, healthy: boolean) => void

/** The answer of one endpoint, or of one check of it. Undefined when it has no such check. `observe` hears of each check of a whole endpoint. */
export async function health(
  checks: readonly HealthCheck[], endpoint: HealthEndpoint, name: string, query: URLSearchParams, observe: Observe,
): Promise<HealthAnswer | undefined> {
  const counted = checks.filter((check) => check.in === undefined || check.in.includes(endpoint))
  if (name !== '') {
    const found = counted.find((check) => check.name === name)
    if (found === undefined) return undefined
    const problem = await runCheck(found)
    return problem === undefined ? { code: 200, body: 'ok' } : { code: 500, body: `internal server error: ${problem}\n` }
  }
  return summary(counted, endpoint, query, observe)
}

async function summary(checks: readonly HealthCheck[], endpoint: HealthEndpoint, query: URLSearchParams, observe: Observe): Promise<HealthAnswer> {
  const excluded = new Set(query.getAll('exclude').filter((value) => value !== ''))
  const lines: string[] = []
  const failed: string[] = []
  for (const check of checks) {
    if (excluded.delete(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`)
      continue
    }
    const healthy = (await runCheck(check)) === undefined
    observe(check.name, healthy)
    if (healthy) lines.push(`[+]${check.name} ok`)
    else {
      // Reasons may tell too much to everybody; they are in the log.
      lines.push(`[-]${check.name} failed: reason withheld`)
      failed.push(check.name)
    }
  }
  if (excluded.size > 0) lines.push(`warn: some health checks cannot be excluded: no matches for ${[...excluded].map((n) => JSON.stringify(n)).join(', ')}`)
  if (failed.length > 0) return { code: 500, body: `${lines.join('\n')}\n${endpoint} check failed\n` }
  if (!query.has('verbose')) return { code: 200, body: 'ok' }
  return { code: 200, body: `${lines.join('\n')}\n${endpoint} check passed\n` }
}

async function runCheck(check: HealthCheck): Promise<string | undefined> {
  try {
    return await check.check()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
