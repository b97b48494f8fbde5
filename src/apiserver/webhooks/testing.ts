/** A webhook server for tests: HTTPS on a free port, with an authority of its own. */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAuthority, issueCertificate } from '../auth/certificates.ts'

export interface TestWebhooks {
  readonly caBundle: string
  /** Everything that was asked, in order. */
  readonly requests: { path: string; review: Record<string, unknown> & { request: ReviewRequest } }[]
  url(path: string): string
  stop(): Promise<void>
}

export interface ReviewRequest extends Record<string, unknown> {
  readonly uid: string
  readonly object: Record<string, unknown> | null
  readonly oldObject: Record<string, unknown> | null
}

export type TestAnswer = (request: ReviewRequest) => unknown

/** Answers AdmissionReviews: `handlers` give the response by path, completed with the uid. */
export async function startWebhooks(handlers: Readonly<Record<string, TestAnswer>>): Promise<TestWebhooks> {
  const authority = createAuthority('webhook-ca', new Date())
  const pair = issueCertificate(authority, { commonName: 'webhook', ipAddresses: ['127.0.0.1'], usages: ['server'], now: new Date(), days: 1 })
  const requests: TestWebhooks['requests'] = []
  const server = createServer(pair, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const path = (request.url ?? '').split('?')[0]!
      const review = JSON.parse(Buffer.concat(chunks).toString()) as TestWebhooks['requests'][number]['review']
      requests.push({ path, review })
      const handle = handlers[path]
      if (handle === undefined) return void response.writeHead(500).end('out of order')
      void Promise.resolve(handle(review.request)).then((answer) => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ ...review, request: undefined, response: { uid: review.request.uid, ...(answer as object) } }))
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    caBundle: Buffer.from(authority.cert).toString('base64'), requests, url: (path) => `https://127.0.0.1:${port}${path}`,
    stop: () => new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    }),
  }
}

/** A patch as answers carry it. */
export function patching(operations: readonly unknown[]): object {
  return { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') }
}
