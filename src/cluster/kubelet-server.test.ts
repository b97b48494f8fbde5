/** The kubelet's servers over real sockets: who may ask what, and what is answered. */
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clusterRoleBindings, clusterRoles, pods, serviceAccounts } from '../api/generated/resources.ts'
import type { Resource } from '../api/meta/object.ts'
import { issueCertificate } from '../apiserver/auth/certificates.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { freePort } from '../client/testing/free-port.ts'
import { createFakeCri } from '../kubelet/cri/fake.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import { createTestHost } from '../kubelet/testing/host.ts'
import { createAuthorities } from './pki/memory.ts'
import { type Cluster, startCluster } from './start-cluster.ts'

let cluster: Cluster
let dir: string
let stop: () => Promise<void>
let port: number
let healthzPort: number
let readOnlyPort: number
const authorities = createAuthorities(new Date())
const admin = issueCertificate(authorities.ca, { commonName: 'admin', organizations: ['system:masters'], usages: ['client'], now: new Date(), days: 1 })
const nobody = issueCertificate(authorities.ca, { commonName: 'nobody', usages: ['client'], now: new Date(), days: 1 })

interface Answer {
  readonly status: number
  readonly body: string
}

function collect(request: http.ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.once('error', reject).once('response', (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => void (body += chunk)).once('end', () => resolve({ status: response.statusCode!, body }))
    }).end()
  })
}
const ask = (path: string, who: { cert?: string; key?: string; token?: string } = admin, method = 'GET') =>
  collect(https.request({ host: '127.0.0.1', port, path, method, cert: who.cert, key: who.key, rejectUnauthorized: false, agent: false, headers: who.token === undefined ? {} : { authorization: `Bearer ${who.token}` } }))
const plain = (at: number, path: string) => collect(http.request({ host: '127.0.0.1', port: at, path, agent: false }))

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubelet-server-'))
  cluster = await startCluster({ nodes: 0 })
  healthzPort = await freePort()
  readOnlyPort = await freePort()
  const env = createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) })
  const cri = createFakeCri(env.clock, { behaviour: () => ({ exec: (command) => ({ exitCode: 0, output: command.join('+') }) }) })
  cri.runtime.checkpointContainer = async () => undefined
  const stats = { cpu: { timestamp: 0, usageCoreNanoSeconds: { value: 2e9 }, usageNanoCores: { value: 5 } }, memory: { timestamp: 0, workingSetBytes: { value: 1000 }, rssBytes: { value: 900 } }, writableLayer: null }
  cri.runtime.listContainerStats = async () => [...cri.containers.values()].map(({ id, config }) => ({ attributes: { id, metadata: config.metadata, labels: config.labels }, ...stats }))
  const pair = issueCertificate(authorities.ca, { commonName: 'n1', usages: ['server'], now: new Date(), days: 1 })
  const kubelet = createKubelet(env, cluster.clientAs('system:node:n1', ['system:nodes', 'system:authenticated']), {
    nodeName: 'n1', nodeIps: ['127.0.0.1'], rootDir: `${dir}/root`, podLogsDir: `${dir}/logs`, cri, host: createTestHost(), cgroupsPerQOS: false, relistPeriod: 30,
    configuration: { kind: 'KubeletConfiguration', maxPods: 110 },
    server: { address: '127.0.0.1', port: 0, ...pair, clientCA: authorities.ca.cert, webhookAuthentication: true, authorization: 'Webhook', healthzPort, readOnlyPort, flags: () => ({ 'root-dir': '/x' }) },
  })
  await kubelet.start()
  await kubelet.ready
  port = kubelet.port()
  stop = async () => {
    await kubelet.stop()
    await env.tasks.stop()
  }
  await cluster.client.create(pods, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'default' },
    spec: { nodeName: 'n1', automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i:1', readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }] },
  })
  for (let tries = 0; tries < 300; tries++) {
    const { status } = await cluster.client.get(pods, { namespace: 'default', name: 'web' })
    if (status?.containerStatuses?.[0]?.ready === true) return
    await new Promise((done) => setTimeout(done, 20))
  }
  throw new Error('the pod was never ready')
})
afterAll(async () => {
  await stop?.()
  await cluster?.stop()
  rmSync(dir, { recursive: true, force: true })
})

describe('what is answered', () => {
  test('pods with their status, running pods, configuration', async () => {
    const { items } = JSON.parse((await ask('/pods')).body) as { items: { metadata: { name: string }; status: { phase: string } }[] }
    expect(items).toMatchObject([{ metadata: { name: 'web' }, status: { phase: 'Running' } }])
    expect(JSON.parse((await ask('/runningpods/')).body)).toMatchObject({ kind: 'PodList', items: [{ metadata: { name: 'web' } }] })
    expect(JSON.parse((await ask('/configz')).body)).toEqual({ kubeletconfig: { kind: 'KubeletConfiguration', maxPods: 110 } })
  })
  test('health, in one and in parts', async () => {
    expect(await ask('/healthz')).toEqual({ status: 200, body: 'ok' })
    expect((await ask('/healthz?verbose')).body).toBe('[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n')
    expect([await ask('/healthz/syncloop'), (await ask('/healthz/none')).status]).toEqual([{ status: 200, body: 'ok' }, 404])
  })
  test('pages about itself', async () => {
    expect((await ask('/statusz')).body).toMatch(/^\nkubelet statusz\n[^]*\nPaths.* \/configz \/flagz \/healthz \/metrics\n$/)
    expect((await ask('/flagz')).body).toMatch(/\nroot-dir\W+x\n$/)
    expect(await ask('/healthz')).toEqual({ status: 200, body: 'ok' })
    expect((await ask('/metrics/slis')).body).toContain('kubernetes_healthcheck{name="syncloop",type="healthz"} 1\n')
  })
  test('statistics and metrics', async () => {
    const summary = JSON.parse((await ask('/stats/summary')).body) as { node: { nodeName: string }; pods: { podRef: object; startTime: string; containers: object[] }[] }
    expect(summary.node).toMatchObject({ nodeName: 'n1', rlimit: { maxpid: 1000 } })
    expect(summary.pods).toMatchObject([{ podRef: { name: 'web' }, startTime: expect.any(String) as string, containers: [{ name: 'c', cpu: { usageNanoCores: 5 }, memory: { rssBytes: 900 } }] }])
    expect((await ask('/metrics/resource')).body).toMatch(/pod_memory_working_set_bytes\{namespace="default",pod="web"\} 1000 \d+\n/)
    expect((await ask('/metrics/cadvisor')).body).toMatch(/container_cpu_usage_seconds_total\{container="c",cpu="total",id="\w+",image="",name="\w+",namespace="default",pod="web"\} 2 \d+\n[^]*machine_cpu_cores\{boot_id="b",machine_id="m",system_uuid="s"\} 4/)
    expect((await ask('/metrics/probes')).body).toMatch(/prober_probe_total\{probe_type="Readiness",result="successful",container="c",pod="web",namespace="default",pod_uid="[^"]+"\} \d/)
    const metrics = (await ask('/metrics')).body
    for (const line of ['kubelet_running_pods 1', 'kubelet_running_containers{container_state="running"} 1', 'kubelet_node_name{node="n1"} 1', 'kubelet_runtime_operations_total{operation_type="run_podsandbox"} 1']) expect(metrics).toContain(`${line}\n`)
  })
  test('a command, a checkpoint', async () => {
    expect(await ask('/run/default/web/c?cmd=ls%20-l', admin, 'POST')).toEqual({ status: 200, body: 'ls+-l' })
    expect(await ask('/run/default/none/c?cmd=ls', admin, 'POST')).toEqual({ status: 404, body: 'pod does not exist' })
    const done = await ask('/checkpoint/default/web/c', admin, 'POST')
    expect(JSON.parse(done.body)).toEqual({ items: [expect.stringMatching(/\/root\/checkpoints\/checkpoint-web_default-c-20.*Z\.tar$/)] })
    expect(await ask('/checkpoint/default/web/x', admin, 'POST')).toEqual({ status: 404, body: 'container x does not exist' })
    expect((await ask('/checkpoint/default/web/c?timeout=x', admin, 'POST')).body).toBe('cannot parse value of timeout parameter')
  })
  test("the machine's own logs, and nothing beside them", async () => {
    const listed = await ask('/logs/')
    expect([listed.status, listed.body.includes('<pre>')]).toEqual([200, true])
    expect([(await ask('/logs/..%2f..%2fetc%2fpasswd')).status, (await ask('/logs/none')).status, (await ask('/other')).status]).toEqual([404, 404, 404])
  })
})

describe('who may ask', () => {
  const forbidden = (verb: string, subresources: string) => ({ status: 403, body: `Forbidden (user=nobody, verb=${verb}, resource=nodes, subresource(s)=[${subresources}])\n` })
  test('nobody without credentials, nobody who is not allowed', async () => {
    expect(await ask('/pods', {})).toEqual({ status: 401, body: 'Unauthorized' })
    expect(await ask('/pods', { token: 'wrong' })).toEqual({ status: 401, body: 'Unauthorized' })
    expect(await ask('/pods', nobody)).toEqual(forbidden('get', 'pods proxy'))
    expect(await ask('/stats/summary', nobody)).toEqual(forbidden('get', 'stats'))
    expect(await ask('/checkpoint/a/b/c', nobody, 'POST')).toEqual(forbidden('create', 'checkpoint'))
    expect([await ask('/statusz', nobody), await ask('/flagz', nobody)]).toEqual([forbidden('get', 'statusz'), forbidden('get', 'configz')])
  })
  test('a token, with fine-grained permission', async () => {
    await cluster.client.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader', namespace: 'default' } })
    await cluster.client.create(clusterRoles, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'pods-of-nodes' }, rules: [{ apiGroups: [''], resources: ['nodes/pods'], verbs: ['get'] }] })
    await cluster.client.create(clusterRoleBindings, {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'pods-of-nodes' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'pods-of-nodes' },
      subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'default' }],
    })
    const { status } = await cluster.client.createSubresource<{ status: { token: string } }>(serviceAccounts as unknown as Resource, { namespace: 'default', name: 'reader' }, 'token', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} })
    const answers = await Promise.all(['/pods', '/metrics', '/configz'].map((path) => ask(path, { token: status.token })))
    expect(answers.map((answer) => answer.status)).toEqual([200, 403, 403])
  })
  test('health without TLS, and the port for reading', async () => {
    expect(await plain(healthzPort, '/healthz')).toEqual({ status: 200, body: 'ok' })
    expect((await plain(healthzPort, '/pods')).status).toBe(404)
    expect([(await plain(readOnlyPort, '/metrics/slis')).status, (await plain(readOnlyPort, '/statusz')).status, (await plain(healthzPort, '/metrics/slis')).status]).toEqual([200, 404, 404])
    expect([(await plain(readOnlyPort, '/pods')).status, (await plain(readOnlyPort, '/configz')).status, (await plain(readOnlyPort, '/run/default/web/c')).status]).toEqual([200, 404, 404])
  })
})

test('the log of a container', async () => {
  const answer = await ask('/containerLogs/default/web/none')
  expect(answer).toEqual({ status: 404, body: 'container "none" not found in pod "web"' })
})
