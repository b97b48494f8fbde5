/**
 * The floor: what node:http2 over TLS and one fdatasync cost on this machine, with nothing of Kubernetes between them. A
 * program: `node floor.ts FOLDER PORT`. It answers the requests of the loads with as many bytes as a real server would:
 * writes are appended to a file and answered when they are on disk (those that come meanwhile share the next sync), lists
 * are one gzip buffer, and every write goes to all watches as one buffer.
 */
import { randomUUID } from 'node:crypto'
import { fdatasync, openSync, readFileSync, write } from 'node:fs'
import { type ServerHttp2Stream, createSecureServer } from 'node:http2'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { issueCertificate } from '../../src/apiserver/auth/certificates.ts'
import { configMap, pod } from './objects.ts'

const [folder, port] = process.argv.slice(2)
const read = (name: string): string => readFileSync(join(folder!, name), 'utf8')
const ca = { cert: read('ca.crt'), key: read('ca.key') }
const { cert, key } = issueCertificate(ca, { commonName: 'floor', ipAddresses: ['127.0.0.1'], usages: ['server'], days: 1, now: new Date() })

const metadata = { resourceVersion: '1' }
const small = Buffer.from(JSON.stringify(configMap('seed')))
const listOf = (items: readonly object[]): Buffer => Buffer.from(JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata, items }))
const pods = (count: number): Buffer => gzipSync(listOf(Array.from({ length: count }, (_, i) => pod(`fill-${i}`, { app: 'bench', uid: randomUUID() }))), { level: 1 })
const [all, some, none] = [pods(5000), pods(50), listOf([])]

const json = { ':status': 200, 'content-type': 'application/json' }
const zipped = { ...json, 'content-encoding': 'gzip' }
const watches = new Set<ServerHttp2Stream>()

const file = openSync(join(folder!, 'floor.log'), 'a')
let waiting: { readonly body: Buffer; readonly stream: ServerHttp2Stream }[] = []
let syncing = false

function flush(): void {
  if (waiting.length === 0) return
  syncing = true
  const batch = waiting
  waiting = []
  const done = (): void => {
    syncing = false
    for (const { body, stream } of batch) {
      stream.respond(json)
      stream.end(body)
      if (watches.size === 0) continue
      const event = Buffer.from(`{"type":"MODIFIED","object":${body.toString()}}\n`)
      for (const watch of watches) watch.write(event)
    }
    flush()
  }
  const bytes = Buffer.concat(batch.map(({ body }) => body))
  write(file, bytes, 0, bytes.length, null, () => { fdatasync(file, done) })
}

function answerRead(stream: ServerHttp2Stream, path: string): void {
  if (path.includes('watch=1')) {
    stream.respond(json)
    stream.once('close', () => void watches.delete(stream))
    watches.add(stream)
    return
  }
  const [headers, body] = /pods\?.*labelSelector/.test(path) ? [zipped, some] : /pods(\?|$)/.test(path) ? [zipped, all] : path.includes('?') ? [json, none] : [json, small]
  stream.respond(headers)
  stream.end(body)
}

const server = createSecureServer({ cert, key, settings: { initialWindowSize: 1 << 20 } })
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  stream.on('error', () => undefined)
  if (headers[':method'] === 'GET') return answerRead(stream, headers[':path'] ?? '')
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('end', () => {
    waiting.push({ body: Buffer.concat(chunks), stream })
    if (!syncing) flush()
  })
})
server.listen(Number(port), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
