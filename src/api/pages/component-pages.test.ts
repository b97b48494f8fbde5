import { expect, test } from 'vitest'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import { ComponentPages } from './component-pages.ts'

const query = new URLSearchParams()
const startedAt = Date.parse('2026-11-07T08:15:56.900Z')

function pagesOf(flags?: Record<string, string>): { pages: ComponentPages; wait(ms: number): void } {
  const { clock, random } = createManualEnv()
  clock.time = startedAt
  const pages = new ComponentPages({
    component: 'kubelet', clock, random: { ...random, next: () => 0.3 }, paths: () => ['/', '/healthz/ping', '/healthz', '/apis/apps', '/api', '/openid/v1/jwks', '/configz'],
    ...(flags === undefined ? {} : { flags: () => flags }),
  })
  return { pages, wait: (ms) => { clock.time += ms } }
}

const form = (page: 'Statusz' | 'Flagz', version: string, mediaType = 'application/json') => `${mediaType};as=${page};v=${version};g=config.k8s.io`

test('/statusz as text tells since when, which version, and where to look further', () => {
  const { pages, wait } = pagesOf()
  wait(3_723_500)
  expect(pages.answer('GET', '/statusz', { query })).toEqual({
    code: 200, headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: `
kubelet statusz
Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.

Started:  Sat Nov  7 08:15:56 UTC 2026
Up:  1 hr 02 min 03 sec
Go version:  go1.26.8
Binary version:  1.36.3
Emulation version:  1.36
Paths:  /configz /healthz
`,
  })
})

test('/statusz as an object has to be asked for by kind and version', () => {
  const { pages, wait } = pagesOf()
  wait(60_000)
  const answer = pages.answer('GET', '/statusz', { accept: form('Statusz', 'v1beta1'), query })!
  expect(answer.headers).toEqual({ 'content-type': 'application/json;g=config.k8s.io;v=v1beta1;as=Statusz' })
  expect(JSON.parse(answer.body)).toEqual({
    kind: 'Statusz', apiVersion: 'config.k8s.io/v1beta1', metadata: { name: 'kubelet' }, startTime: '2026-11-07T08:15:56Z', uptimeSeconds: 60, goVersion: 'go1.26.8',
    binaryVersion: '1.36.3', emulationVersion: '1.36', paths: ['/configz', '/healthz'],
  })
})

test('/flagz has flags in their order, as text, JSON and YAML', () => {
  const { pages } = pagesOf({ v: '2', 'bind-address': '::', 'tls-cipher-suites': '[]' })
  const ask = (accept: string, more = query) => pages.answer('GET', '/flagz', { accept, query: more })!
  expect(ask('*/*').body.split('\n').slice(3)).toEqual(['bind-address: ::', 'tls-cipher-suites: []', 'v: 2', ''])
  expect(ask(form('Flagz', 'v1beta1')).body).toBe('{"kind":"Flagz","apiVersion":"config.k8s.io/v1beta1","metadata":{"name":"kubelet"},"flags":{"bind-address":"::","tls-cipher-suites":"[]","v":"2"}}\n')
  expect(ask(form('Flagz', 'v1alpha1', 'application/yaml'))).toEqual({
    code: 200,
    headers: {
      'content-type': 'application/yaml;g=config.k8s.io;v=v1alpha1;as=Flagz', warning: '299 - "This version of the flagz endpoint is deprecated. Please use a newer version."',
    },
    body: 'apiVersion: config.k8s.io/v1alpha1\nflags:\n  bind-address: \'::\'\n  tls-cipher-suites: \'[]\'\n  v: "2"\nkind: Flagz\nmetadata:\n  name: kubelet\n',
  })
  expect(ask(form('Flagz', 'v1beta1'), new URLSearchParams('pretty=true')).body.split('\n').slice(0, 2)).toEqual(['{', '  "kind": "Flagz",'])
})

test.each([
  ['', 200, 'text/plain; charset=utf-8'], ['text/*', 200, 'text/plain; charset=utf-8'], ['application/json, text/plain;q=0.5', 200, 'text/plain; charset=utf-8'],
  ['application/json', 406, 'application/json'], ['application/yaml', 406, 'application/yaml'], ['text/html', 406, 'application/json'],
  [form('Flagz', 'v1beta1'), 406, 'application/json'], [form('Statusz', 'v1'), 406, 'application/json'], [form('Statusz', 'v1beta1', 'text/plain'), 406, 'application/json'],
  ['application/*;as=Statusz;v=v1beta1;g=config.k8s.io', 200, 'application/json;g=config.k8s.io;v=v1beta1;as=Statusz'],
  ['application/json;stream=watch', 406, 'application/json'],
])('Accept %j gets %d %s', (accept, code, type) => {
  const answer = pagesOf().pages.answer('GET', '/statusz', { accept, query })!
  expect([answer.code, answer.headers['content-type']]).toEqual([code, type])
  if (code === 406) expect(answer.body.replace(/\s+/g, ' ')).toContain('only the following media types are accepted: application/json, application/yaml, text/plain')
})

test('what is not there is not answered', () => {
  const { pages } = pagesOf()
  expect(pages.served).toEqual(['/metrics/slis', '/statusz'])
  expect(['/flagz', '/statusz/', '/metrics'].map((path) => pages.answer('GET', path, { query }))).toEqual([undefined, undefined, undefined])
})

test('/metrics/slis counts how checks ended, until it is set back', () => {
  const { pages } = pagesOf()
  const lines = () => pages.answer('GET', '/metrics/slis', { query })!.body.split('\n').filter((line) => !line.startsWith('#') && line !== '')
  pages.observe('ping', 'livez', true)
  pages.observe('ping', 'livez', false)
  pages.observe('ping', 'livez', false)
  const start = `process_start_time_seconds ${startedAt / 1000}`
  expect(lines()).toEqual([
    'kubernetes_healthcheck{name="ping",type="livez"} 0', 'kubernetes_healthchecks_total{name="ping",status="success",type="livez"} 1',
    'kubernetes_healthchecks_total{name="ping",status="error",type="livez"} 2', start,
  ])
  expect(pages.answer('DELETE', '/metrics/slis', { query })!.body).toBe('metrics reset\n')
  expect(lines()).toEqual([start])
})
