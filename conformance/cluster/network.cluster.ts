/** Pods on both nodes reach each other by pod address, service address, node port and name. */
import { get } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, image, kubectl, webDeployment } from './kubectl.ts'

const namespace = 'network'
const k = kubectl('1.36', namespace)
const cluster = kubectl('1.36')

interface PodView {
  readonly metadata: { name: string }
  readonly spec: { nodeName: string }
  readonly status: { podIP: string; hostIP: string }
}

const podsOf = async (app: string): Promise<PodView[]> =>
  (JSON.parse(await k.ok(['get', 'pods', '-l', `app=${app}`, '-o', 'json'])) as { items: PodView[] }).items

/** What a pod gets when it asks for a page; '' when it gets none. (The -T of Debian's static busybox crashes.) */
const fetchFrom = async (pod: string, url: string): Promise<string> => (await k.run(['exec', pod, '--', 'timeout', '5', 'wget', '-q', '-O', '-', url])).stdout.trim()

let clients: PodView[]
let servers: PodView[]

beforeAll(async () => {
  await cluster.ok(['create', 'namespace', namespace])
  await k.ok(['create', '-f', '-'], webDeployment('web', 2))
  await k.ok(['create', '-f', '-'], webDeployment('client', 2))
  await k.ok(['create', '-f', '-'], JSON.stringify({
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' },
    spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  }))
  await k.ok(['create', '-f', '-'], JSON.stringify({
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'sticky' },
    spec: { sessionAffinity: 'ClientIP', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  }))
  await k.ok(['create', '-f', '-'], JSON.stringify({
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'headless' }, spec: { clusterIP: 'None', selector: { app: 'web' }, ports: [{ port: 8080 }] },
  }))
  for (const name of ['web', 'client']) await k.ok(['rollout', 'status', `deployment/${name}`, '--timeout=120s'])
  clients = await podsOf('client')
  servers = await podsOf('web')
})
afterAll(async () => {
  await cluster.ok(['delete', 'namespace', namespace, '--wait=false'])
})

test('the pods are on both nodes', () => {
  expect(new Set(servers.map((pod) => pod.spec.nodeName)).size).toBe(2)
  expect(new Set(clients.map((pod) => pod.spec.nodeName)).size).toBe(2)
})

test('by pod address', async () => {
  for (const client of clients) for (const server of servers) {
    expect(await fetchFrom(client.metadata.name, `http://${server.status.podIP}:8080/`)).toBe(server.metadata.name)
  }
})

test('by service address and by name, both servers take their share', async () => {
  const address = await k.ok(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'])
  for (const client of clients) {
    for (const url of [`http://${address}/`, 'http://web/', `http://web.${namespace}/`, `http://web.${namespace}.svc.cluster.local/`]) {
      const seen = new Set<string>()
      await eventually(`both servers behind ${url}`, async () => seen.add(await fetchFrom(client.metadata.name, url)), () => servers.every((server) => seen.has(server.metadata.name)), 60_000)
    }
  }
})

test('by node port on every node, whichever it runs on', async () => {
  const port = await k.ok(['get', 'service', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}'])
  const nodes = [...new Set(servers.map((pod) => pod.status.hostIP))]
  for (const client of clients) for (const node of nodes) {
    expect(servers.map((server) => server.metadata.name)).toContain(await fetchFrom(client.metadata.name, `http://${node}:${port}/`))
  }
})

test('a client stays with its server under session affinity', async () => {
  for (const client of clients) {
    const first = await eventually('an answer', () => fetchFrom(client.metadata.name, 'http://sticky/'), (text) => text !== '')
    for (let i = 0; i < 8; i++) expect(await fetchFrom(client.metadata.name, 'http://sticky/')).toBe(first)
  }
})

test('a headless service answers with the pods\' addresses, names outside the cluster do not hang', async () => {
  const answer = await k.ok(['exec', clients[0]!.metadata.name, '--', 'nslookup', `headless.${namespace}.svc.cluster.local`])
  for (const server of servers) expect(answer).toContain(server.status.podIP)
  expect((await k.run(['exec', clients[0]!.metadata.name, '--', 'nslookup', 'no-such-name.cluster.local'])).code).not.toBe(0)
})

test('the API is reached from a pod with its own token', async () => {
  const script = 'wget -q -O - --header "Authorization: Bearer $(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" --no-check-certificate https://kubernetes.default.svc/version || true; ls /var/run/secrets/kubernetes.io/serviceaccount'
  const out = await k.ok(['exec', clients[0]!.metadata.name, '--', 'sh', '-c', script])
  expect(out).toContain('ca.crt')
  expect(out).toContain('token')
})

/** What the machine gets from a load balancer; '' when it gets none within two seconds. */
const fetchHere = (address: string): Promise<string> => new Promise((resolve) => {
  const request = get({ host: address, port: 80, path: '/', agent: false, timeout: 2000 }, (response) => {
    let body = ''
    response.on('data', (part) => (body += String(part))).on('end', () => resolve(body.trim()))
  })
  request.on('timeout', () => request.destroy()).on('error', () => resolve(''))
})

test('a load balancer is reached from the machine and from pods, with either traffic policy, until it goes', async () => {
  await k.ok(['create', '-f', '-'], JSON.stringify({
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'balanced' },
    spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  }))
  const address = await eventually('an address', () => k.ok(['get', 'service', 'balanced', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}']), (ip) => ip !== '')
  const names = servers.map((server) => server.metadata.name)
  const all = async (ask: () => Promise<string>, expected: readonly string[]) => {
    const seen = new Set<string>()
    await eventually(`${expected.join(', ')} behind ${address}`, async () => seen.add(await ask()), () => expected.every((name) => seen.has(name)), 60_000)
  }
  await all(() => fetchHere(address), names)
  await all(() => fetchFrom(clients[0]!.metadata.name, `http://${address}/`), names)
  // With policy Local the ways lead only to nodes with endpoints.
  await k.ok(['patch', 'service', 'balanced', '-p', JSON.stringify({ spec: { externalTrafficPolicy: 'Local', selector: { 'app': 'web', 'here': 'yes' } } })])
  await eventually('no answer without endpoints', () => fetchHere(address), (text) => text === '')
  for (const name of names) {
    await k.ok(['label', 'pod', name, 'here=yes'])
    await all(() => fetchHere(address), [name])
    await k.ok(['label', 'pod', name, 'here-'])
    await eventually('no answer without endpoints', () => fetchHere(address), (text) => text === '')
  }
  await k.ok(['delete', 'service', 'balanced'])
  await eventually('no answer', () => fetchHere(address), (text) => text === '')
})

test('an endpoint that goes away is no longer asked', async () => {
  await k.ok(['scale', 'deployment/web', '--replicas=1'])
  const [left] = await eventually('one server', () => podsOf('web'), (pods) => pods.length === 1)
  for (let i = 0; i < 6; i++) expect(await fetchFrom(clients[0]!.metadata.name, 'http://web/')).toBe(left!.metadata.name)
  await k.ok(['run', 'unused', `--image=${image}`, '--dry-run=server', '-o', 'name'])
})
