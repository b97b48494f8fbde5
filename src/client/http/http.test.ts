import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { configMaps } from '../../api/generated/resources.ts'
import { notFound } from '../../api/meta/errors.ts'
import { systemClock } from '../../base/real/env.ts'
import { createHttpClient } from './transport.ts'

let server: http.Server
afterEach(() => new Promise((resolve) => {
  server.closeAllConnections()
  server.close(resolve)
}))

async function serve(handle: (request: http.IncomingMessage, body: string, response: http.ServerResponse) => void) {
  server = http.createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => handle(request, Buffer.concat(parts).toString(), response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return createHttpClient({ server: `http://127.0.0.1:${port}/base`, token: 'secret' }, { clock: systemClock, userAgent: 'test' })
}
const json = (response: http.ServerResponse, code: number, value: unknown): void => {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

test('requests carry prefix, token, agent and body; answers and refusals are decoded', async () => {
  const seen: unknown[] = []
  const client = await serve((request, body, response) => {
    seen.push([request.method, request.url, request.headers.authorization, request.headers['user-agent'], request.headers['content-type'], body])
    if (request.method === 'GET') json(response, 404, notFound({ resource: 'configmaps' }, 'x').status)
    else json(response, 201, { metadata: { name: 'x', uid: 'u' } })
  })
  const made = await client.create(configMaps, { metadata: { name: 'x', namespace: 'a' } })
  expect(made.metadata.uid).toBe('u')
  await expect(client.get(configMaps, { namespace: 'a', name: 'x' })).rejects.toMatchObject({ reason: 'NotFound', code: 404 })
  expect(seen[0]).toEqual([
    'POST', '/base/api/v1/namespaces/a/configmaps', 'Bearer secret', 'test', 'application/json',
    '{"metadata":{"name":"x","namespace":"a"},"apiVersion":"v1","kind":"ConfigMap"}',
  ])
  await client.close()
})

test('whoever reads nothing but metadata asks for no more, of deletions too', async () => {
  const seen: (string | undefined)[] = []
  const client = await serve((request, _, response) => {
    seen.push(request.headers.accept)
    json(response, 200, { kind: 'Status', apiVersion: 'v1', status: 'Success' })
  })
  const key = { namespace: 'a', name: 'x' }
  for (const metadataOnly of [true, false]) await client.delete(configMaps, key, { metadataOnly })
  await client.patch(configMaps, key, 'merge', {}, { metadataOnly: true })
  const metadata = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'
  expect(seen).toEqual([metadata, 'application/json', metadata])
  await client.close()
})

test('a server that asks for patience is asked again', async () => {
  let tries = 0
  const client = await serve((_request, _body, response) => {
    if (++tries < 3) response.writeHead(429, { 'retry-after': '0' }).end('busy')
    else json(response, 200, { metadata: { name: 'x' } })
  })
  expect((await client.get(configMaps, { namespace: 'a', name: 'x' })).metadata.name).toBe('x')
  expect(tries).toBe(3)
  await client.close()
})

test('watch events arrive whole, however they are cut', async () => {
  const client = await serve((_request, _body, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const text = ['a', 'b', 'ü'].map((name) => `${JSON.stringify({ type: 'ADDED', object: { metadata: { name } } })}\n`).join('')
    const bytes = Buffer.from(text)
    const cuts = [5, 60, bytes.length - 12]
    let from = 0
    const next = (): void => {
      const to = cuts.shift()
      response.write(bytes.subarray(from, to ?? bytes.length))
      if (to === undefined) response.end()
      else {
        from = to
        setImmediate(next)
      }
    }
    next()
  })
  const names: (string | undefined)[] = []
  for await (const { object } of client.watch(configMaps)) names.push(object.metadata.name)
  expect(names).toEqual(['a', 'b', 'ü'])
  await client.close()
})
