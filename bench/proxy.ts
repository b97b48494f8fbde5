/**
 * The service proxy, kube-proxy's mode nftables and ours in turn, each in a network namespace of its own, under one API
 * server of ours: how long until every Service is in the kernel, and what changes of endpoints take and cost.
 * And the DNS of the cluster, CoreDNS with its kubernetes plugin and ours.
 * Usage: hack/bench proxy [--small] [rules|dns] [coxswain|upstream]
 * Needs root, nft and two processors. 10,000 services with 10 endpoints each; --small: 1,000.
 */
import { BenchClient } from './lib/client.ts'
import { createNamespace } from './lib/namespaces.ts'
import { startOurs } from './lib/ours.ts'
import { workFolder } from './lib/processes.ts'
import { printRatios } from './lib/ratios.ts'
import { namespace, service, slice } from './proxy/objects.ts'
import { measureDns } from './proxy/dns.ts'
import { type Side, measureRules, writeKubeconfig } from './proxy/rules.ts'

const words = process.argv.slice(2)
const services = words.includes('--small') ? 1_000 : 10_000
const only = words.find((word): word is Side => word === 'coxswain' || word === 'upstream')
const sides = only === undefined ? (['upstream', 'coxswain'] as const) : [only]

async function fill(client: BenchClient): Promise<void> {
  const create = (path: string, body: object) => ({ method: 'POST', path, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  await client.ok(create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }))
  await client.ok(create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'bench' }, spec: { podCIDR: '10.128.0.0/24' }, status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }] } }))
  await client.load(services, 16, (i) => create(`/api/v1/namespaces/${namespace}/services`, service(i)))
  await client.load(services, 16, (i) => create(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, slice(i)))
}

const { dir, remove } = workFolder('proxy')
const nets = sides.map((side, i) => createNamespace(side, i))
const undo: (() => Promise<void> | void)[] = [remove, ...nets.map((net) => net.remove)]
try {
  const server = await startOurs(dir, undefined, nets[0]!.outside)
  undo.push(server.stop)
  const client = new BenchClient(server.url, server.admin)
  undo.push(() => client.close())
  await fill(client)
  process.stderr.write(`proxy: ${services} services with 10 endpoints each are stored\n`)
  const kubeconfig = writeKubeconfig(dir, server.url)
  const cluster = { client, kubeconfig, services, dir }
  const figures = []
  for (const [i, side] of sides.entries()) {
    figures.push([
      ...(words.includes('dns') ? [] : await measureRules(side, cluster, nets[i]!)),
      ...(words.includes('rules') ? [] : await measureDns(side, cluster)),
    ])
  }
  if (!printRatios(figures.at(-1)!, figures.length > 1 ? figures[0] : undefined)) process.exitCode = 1
} finally {
  for (const step of undo.reverse()) await step()
}
process.exit()
