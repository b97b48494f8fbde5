/** Plugins that are off unless they are asked for, over a server that has them on. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admissionConfiguration } from '../../../cli/apiserver-admission.ts'
import { systemClock } from '../../../base/real/env.ts'
import { type TestApiServer, startTestServer } from '../../testing.ts'
import { eventLimits } from './event-rate-limit.ts'
import { podSecurityOptions } from './pod-security.ts'
import { mergeTolerations, tolerationConfiguration } from './tolerations.ts'

let api: TestApiServer
const folder = mkdtempSync(join(tmpdir(), 'admission-'))
const asked: unknown[] = []
let status: object | undefined
const hook = createServer((request, response) => {
  let text = ''
  request.on('data', (chunk: Buffer) => (text += chunk.toString()))
  request.on('end', () => {
    const review = JSON.parse(text) as object
    asked.push(review)
    response.writeHead(status === undefined ? 500 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ ...review, status }))
  })
})

beforeAll(async () => {
  hook.listen(0, '127.0.0.1')
  await new Promise((done) => hook.once('listening', done))
  const server = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`
  writeFileSync(join(folder, 'hook.yaml'), JSON.stringify({ 'current-context': 'c', 'contexts': [{ name: 'c', context: { cluster: 'k', user: 'u' } }], 'clusters': [{ name: 'k', cluster: { server } }], 'users': [{ name: 'u', user: {} }] }))
  writeFileSync(join(folder, 'limits.yaml'), 'apiVersion: eventratelimit.admission.k8s.io/v1alpha1\nkind: Configuration\nlimits: [{type: Namespace, qps: 1, burst: 2}, {type: User, qps: 1000, burst: 1000}]\n')
  writeFileSync(join(folder, 'admission.yaml'), `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- {name: EventRateLimit, path: limits.yaml}
- name: ImagePolicyWebhook
  configuration: {imagePolicy: {kubeConfigFile: hook.yaml, allowTTL: -1, denyTTL: -1, retryBackoff: -1}}
- name: PodNodeSelector
  configuration: {podNodeSelectorPluginConfig: {clusterDefaultNodeSelector: "pool=usual", strict: "pool=usual,disk=ssd"}}
- name: PodTolerationRestriction
  configuration: {apiVersion: podtolerationrestriction.admission.k8s.io/v1alpha1, kind: Configuration, whitelist: [{key: a, operator: Exists}, {key: node.kubernetes.io/not-ready, operator: Exists}, {key: node.kubernetes.io/unreachable, operator: Exists}, {key: node.kubernetes.io/memory-pressure, operator: Exists}, {key: example.com/gpu, operator: Exists}]}
`)
  const read = (path: string) => readFileSync(path, 'utf8')
  api = await startTestServer({
    admissionPlugins: {
      enable: ['AlwaysPullImages', 'ImagePolicyWebhook', 'PodNodeSelector', 'PodTolerationRestriction', 'EventRateLimit', 'ExtendedResourceToleration', 'DenyServiceExternalIPs', 'LimitPodHardAntiAffinityTopology', 'NamespaceAutoProvision'],
      disable: ['ServiceAccount'], configuration: admissionConfiguration(join(folder, 'admission.yaml'), systemClock, read),
    },
  })
  await api.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'picky', annotations: { 'scheduler.alpha.kubernetes.io/node-selector': 'zone=a', 'scheduler.alpha.kubernetes.io/defaultTolerations': '[{"key":"a","operator":"Exists"}]' } } } })
})
afterAll(async () => {
  await api.stop()
  hook.close()
  rmSync(folder, { recursive: true, force: true })
})

const podSpec = { containers: [{ name: 'c', image: 'i', resources: {} as object }] }
const makePod = (namespace: string, name: string, spec: object = {}) => {
  status ??= { allowed: true }
  return api.call('POST', `/api/v1/namespaces/${namespace}/pods`, { body: { metadata: { name }, spec: { ...podSpec, ...spec } } })
}

describe('pods', () => {
  it('get what their namespace and their devices ask for', async () => {
    const gpu = { containers: [{ name: 'c', image: 'i', imagePullPolicy: 'Never', resources: { limits: { 'example.com/gpu': '1' } } }] }
    const { code, json } = await makePod('picky', 'one', gpu)
    expect([code, json['message']]).toEqual([201, undefined])
    const spec = json['spec'] as { nodeSelector: object; tolerations: { key: string }[]; containers: { imagePullPolicy: string }[] }
    expect(spec.nodeSelector).toEqual({ zone: 'a' })
    expect(spec.containers[0]!.imagePullPolicy).toBe('Always')
    expect(spec.tolerations.map(({ key }) => key).sort()).toEqual(['a', 'example.com/gpu', 'node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'])
    expect((await makePod('default', 'two')).json['spec']).toMatchObject({ nodeSelector: { pool: 'usual' } })
  })

  it('are refused where they ask for what their namespace does not let them', async () => {
    const message = async (namespace: string, spec: object) => (await makePod(namespace, 'x', spec)).json['message']
    expect(await message('picky', { nodeSelector: { zone: 'b' } })).toBe('pods "x" is forbidden: pod node label selector conflicts with its namespace node label selector')
    expect(await message('strict', { nodeSelector: { disk: 'hdd' } })).toBe('pods "x" is forbidden: pod node label selector labels conflict with its namespace whitelist')
    expect(await message('default', { tolerations: [{ key: 'b', operator: 'Exists' }] })).toBe('pod tolerations (possibly merged with namespace default tolerations) conflict with its cluster whitelist')
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: {} }] } }
    expect(await message('default', { affinity })).toBe('pods "x" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed')
  })

  it('run images that the webhook allows', async () => {
    asked.splice(0)
    status = { allowed: false, reason: 'old' }
    expect((await makePod('default', 'x')).json['message']).toBe('pods "x" is forbidden: image policy webhook backend denied one or more images: old')
    expect(asked).toEqual([{ apiVersion: 'imagepolicy.k8s.io/v1alpha1', kind: 'ImageReview', metadata: {}, spec: { containers: [{ image: 'i' }], namespace: 'default' } }])
    status = undefined
    asked.splice(0)
    const refused = await api.call('POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name: 'y' }, spec: podSpec } })
    expect([refused.code, refused.json['message'], asked.length]).toEqual([403, 'pods "y" is forbidden: Error contacting webhook: 500', 5])
    status = { allowed: true }
  })
})

it('a namespace that is not there is made', async () => {
  expect((await api.call('POST', '/api/v1/namespaces/new/configmaps', { body: { metadata: { name: 'a' } } })).code).toBe(201)
  expect((await api.call('GET', '/api/v1/namespaces/new')).code).toBe(200)
})

it('a service may not answer to addresses of others', async () => {
  const body = { metadata: { name: 's' }, spec: { ports: [{ port: 80 }], externalIPs: ['192.0.2.1'] } }
  expect((await api.call('POST', '/api/v1/namespaces/default/services', { body })).json['message']).toBe('services "s" is forbidden: Use of external IPs is denied by admission control')
})

it('too many events of a namespace are refused', async () => {
  const event = (namespace: string, name: string) => api.call('POST', `/api/v1/namespaces/${namespace}/events`, { body: { metadata: { name }, involvedObject: { kind: 'Pod', namespace, name: 'p' }, reason: 'R', type: 'Normal' } })
  for (const name of ['a', 'b']) expect((await event('picky', name)).code).toBe(201)
  expect((await event('picky', 'c')).json).toMatchObject({ code: 429, reason: 'TooManyRequests', message: 'Too many requests: limit reached on type Namespace for key picky' })
  expect((await event('default', 'a')).code).toBe(201)
})

describe('configurations', () => {
  it.each([
    ['no limits', () => eventLimits({ apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1', kind: 'Configuration', limits: [] }), 'limits: Invalid value: []: must not be empty'],
    ['a limit of nothing', () => eventLimits({ apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1', kind: 'Configuration', limits: [{ type: 'User', qps: 0, burst: 1 }] }), 'limits[0].qps: Invalid value: 0: must be positive'],
    ['another kind', () => tolerationConfiguration({ kind: 'Pod', apiVersion: 'v1' }), 'no kind "Pod" is registered for version "v1"'],
    ['no such level', () => podSecurityOptions({ apiVersion: 'pod-security.admission.config.k8s.io/v1', kind: 'PodSecurityConfiguration', defaults: { enforce: 'much' } }), 'defaults.enforce: Invalid value: "much": must be one of privileged, baseline, restricted'],
  ])('%s is refused', (_, read, message) => {
    expect(read).toThrow(message)
  })

  it('of pod security are what namespaces without labels are held to', () => {
    expect(podSecurityOptions({ apiVersion: 'pod-security.admission.config.k8s.io/v1', kind: 'PodSecurityConfiguration', defaults: { 'enforce': 'baseline', 'enforce-version': 'v1.30' }, exemptions: { usernames: ['jane'] } })).toMatchObject({
      defaults: { enforce: { level: 'baseline', minor: 30 }, warn: { level: 'privileged' }, audit: { level: 'privileged' } }, exemptions: { usernames: ['jane'] },
    })
  })
})

it('of tolerations the widest stay', () => {
  const narrow = { key: 'a', operator: 'Equal', value: 'b', effect: 'NoSchedule' }
  const wide = { key: 'a', operator: 'Exists' }
  expect(mergeTolerations([narrow], [wide])).toEqual([wide])
  expect(mergeTolerations([wide, wide], [narrow])).toEqual([wide])
})
