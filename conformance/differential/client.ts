/** One JSON request over TLS whose certificate is not checked: both servers are on loopback and made for the moment. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'

export interface Answer {
  readonly code: number
  readonly body: unknown
  readonly warnings: readonly string[]
  /** Those whose values upstream and we must agree on; of the others, that they are there. */
  readonly headers?: Readonly<Record<string, string>>
}

const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 4 })

export function request(
  base: string, token: string, method: string, path: string, body?: unknown, contentType = 'application/json',
  more: OutgoingHttpHeaders = {},
): Promise<Answer> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(base + path, {
      method, agent,
      headers: {
        authorization: `Bearer ${token}`, accept: 'application/json', ...more,
        ...(text === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
      },
    }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const answer = Buffer.concat(chunks).toString('utf8')
        const warning = incoming.headers.warning
        resolve({ code: incoming.statusCode ?? 0, body: parse(answer), warnings: warning === undefined ? [] : [String(warning)], headers: comparable(incoming.headers) })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(text)
  })
}

const compared = ['content-type', 'cache-control', 'retry-after', 'allow', 'x-content-type-options', 'location']
const noted = ['audit-id', 'x-kubernetes-pf-flowschema-uid', 'x-kubernetes-pf-prioritylevel-uid']

function comparable(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries([
    ...compared.filter((name) => headers[name] !== undefined).map((name) => [name, String(headers[name])]),
    ...noted.filter((name) => headers[name] !== undefined).map((name) => [name, 'there']),
  ])
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
