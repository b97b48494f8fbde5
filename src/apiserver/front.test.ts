/** What browsers, and clients that ask for other names, are shown over the wire. */
import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, issueCertificate } from './auth/certificates.ts'
import { type TestApiServer, startTestServer } from './testing.ts'

const authority = createAuthority('names', new Date())
const certificate = (commonName: string, dnsNames: string[]) => issueCertificate(authority, { commonName, dnsNames, usages: ['server'], now: new Date(), days: 1 })

let api: TestApiServer
beforeAll(async () => {
  api = await startTestServer({
    front: { allowedOrigin: (origin) => origin === 'https://page.example', hstsDirectives: ['max-age=60', 'includeSubDomains'], goawayChance: 1 },
    namedCertificates: [{ ...certificate('own', ['by-itself.example', 'given.example']), names: [] }, { ...certificate('told', []), names: ['*.wild.example', 'given.example'] }],
    eventTtlSeconds: 1,
  })
})
afterAll(() => api.stop())

const namespaces = '/api/v1/namespaces'

test('pages of an origin that is let in may call, and ask before they do', async () => {
  const headers = { origin: 'https://page.example' }
  const allowed = {
    'access-control-allow-origin': 'https://page.example', 'access-control-allow-methods': 'POST, GET, OPTIONS, PUT, DELETE, PATCH',
    'access-control-allow-headers': 'Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since',
    'access-control-expose-headers': 'Date', 'access-control-allow-credentials': 'true',
  }
  expect(await api.call('OPTIONS', namespaces, { headers, as: null })).toMatchObject({ code: 204, text: '', headers: allowed })
  expect(await api.call('GET', namespaces, { headers })).toMatchObject({ code: 200, headers: allowed })
  // A page must see why it was refused.
  expect(await api.call('GET', namespaces, { headers, as: null })).toMatchObject({ code: 403, headers: allowed })
})

test('pages of others may not', async () => {
  const answer = await api.call('GET', namespaces, { headers: { origin: 'https://other.example' } })
  expect(answer.code).toBe(200)
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
  expect((await api.call('OPTIONS', namespaces, { headers: { origin: 'https://other.example' }, as: null })).code).not.toBe(204)
})

test('browsers are told to come by TLS alone', async () => {
  expect((await api.call('GET', '/version')).headers['strict-transport-security']).toBe('max-age=60; includeSubDomains')
})

test('a connection that is sent away answers what is under way', async () => {
  const session = api.session()
  const gone = once(session, 'close')
  const away = once(session, 'goaway')
  const request = session.request({ ':path': '/version' })
  const [headers] = (await once(request, 'response')) as [Record<string, unknown>]
  request.resume()
  expect(headers[':status']).toBe(200)
  expect((await away)[0]).toBe(0)
  await gone
})

test('a client is shown the certificate of the name that it asks for', async () => {
  const shown = async (servername: string): Promise<string> => {
    const socket = connectTls({ ...api.tlsOptions() as object, host: '127.0.0.1', port: api.server.port, servername, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return String(subject.CN)
  }
  const own = await shown('localhost')
  expect(own).not.toMatch(/^(own|told)$/)
  expect(await Promise.all(['by-itself.example', 'BY-ITSELF.example', 'given.example', 'a.wild.example', 'wild.example'].map(shown))).toEqual(['own', 'own', 'told', 'told', own])
})

test('events are forgotten after the time that was set', async () => {
  const path = '/api/v1/namespaces/default/events'
  const event = { apiVersion: 'v1', kind: 'Event', metadata: { name: 'e' }, involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' }, reason: 'R', type: 'Normal' }
  expect(await api.call('POST', path, { body: event })).toMatchObject({ code: 201 })
  await expect.poll(async () => (await api.call('GET', `${path}/e`)).code, { timeout: 10_000, interval: 100 }).toBe(404)
})
