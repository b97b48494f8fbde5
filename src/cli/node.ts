/** `coxswain node`: kubelet, service proxy and cluster DNS of one node in one process; hack/up runs one for each host. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodes } from '../api/generated/resources.ts'
import type { Component, Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { InformerFactory } from '../client/informer.ts'
import { upstreamResolvers } from '../cluster/hosts/network.ts'
import { renderCniConfig } from '../cluster/hosts/render.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import { type Family, familyOf } from '../proxy/addresses.ts'
import { createConntrack } from '../proxy/conntrack/exec/conntrack.ts'
import { createDns } from '../proxy/dns/dns.ts'
import { createNftablesBackend } from '../proxy/nftables/backend.ts'
import { createNft } from '../proxy/nftables/exec/nft.ts'
import type { NodeIPs } from '../proxy/node-addresses.ts'
import { createPolicyEnforcer, trimPod } from '../proxy/policy/enforcer.ts'
import { createProxy } from '../proxy/proxy.ts'
import type { Command, FlagValues, Invocation } from './command.ts'
import { clientFromKubeconfig, systemEnv, untilSignalled, withoutFrom } from './component.ts'
import { nodeFlags } from './flags/node.ts'

export const command: Command = {
  name: 'node',
  summary: 'Kubelet, proxy and DNS of one node in one process',
  flags: nodeFlags,
  run,
}

async function run(invocation: Invocation): Promise<number> {
  const { flags } = invocation
  const env = systemEnv(invocation, flags.string('node-name')!)
  const kubeletClient = await clientFromKubeconfig(flags.string('kubeconfig')!, env, 'kubelet/v1.36.3')
  const proxyClient = await clientFromKubeconfig(flags.string('proxy-kubeconfig')!, env, 'kube-proxy/v1.36.3')
  const informers = new InformerFactory(env, proxyClient, ({ resource }) => (resource === 'pods' ? { transform: trimPod } : {}))
  const nodeName = flags.string('node-name')!
  const nodeIPs = nodeIPsOf(flags.list('node-ip'))
  const families = (['IPv4', 'IPv6'] as const).filter((family) => nodeIPs[family] !== undefined)
  const without = withoutFrom(flags, ['kubelet', 'kube-proxy'])
  const components: Component[] = [
    ...(without.includes('kubelet') ? [] : [createKubelet(env, kubeletClient, kubeletOptions(flags))]),
    ...(without.includes('kube-proxy') ? [] : [createProxy(env, proxyClient, {
      nodeName, nodeIPs, backends: families.map((family) => createNftablesBackend(family, createNft())), tracking: createConntrack(), informers,
      detectLocal: { cidrs: flags.list('cluster-cidr') }, nodePortAddresses: 'primary',
    })]),
    createPolicyEnforcer(env, { nodeName, families, informers, filter: createNft() }),
    createDns(env, { informers, domain: flags.string('cluster-domain')!, address: flags.list('node-ip')[0]!, port: flags.number('dns-port')!, upstreams: upstreamResolvers() }),
  ]
  env.tasks.go('pod network', (signal) => writeCniConfig(env, kubeletClient, flags, signal))
  for (const component of components) await component.start()
  env.log.info('started', { node: nodeName })
  await untilSignalled()
  for (const component of components.reverse()) await component.stop()
  await informers.stop()
  await env.tasks.stop()
  await Promise.all([kubeletClient.close(), proxyClient.close()])
  return 0
}

function nodeIPsOf(addresses: readonly string[]): NodeIPs {
  const of = (family: Family) => addresses.find((address) => familyOf(address) === family)
  const [v4, v6] = [of('IPv4'), of('IPv6')]
  return { ...(v4 === undefined ? {} : { IPv4: v4 }), ...(v6 === undefined ? {} : { IPv6: v6 }) }
}

function kubeletOptions(flags: FlagValues) {
  const read = (name: string): string => readFileSync(flags.string(name)!, 'utf8')
  return {
    nodeName: flags.string('node-name')!, nodeIps: flags.list('node-ip'), rootDir: flags.string('root-dir')!, podLogsDir: flags.string('pod-logs-dir')!,
    containerRuntimeEndpoint: flags.string('container-runtime-endpoint')!, cgroupRoot: flags.string('cgroup-root')!,
    clusterDNS: [flags.string('cluster-dns')!], clusterDomain: flags.string('cluster-domain')!,
    // The disk is the machine's, and what others write on it is no reason to end pods or to remove images.
    evictionHard: { 'memory.available': '100Mi' }, imageGCHighThresholdPercent: 100,
    server: {
      address: '0.0.0.0', port: 10250, cert: read('tls-cert-file'), key: read('tls-private-key-file'), clientCA: read('client-ca-file'),
      webhookAuthentication: true, authorization: 'Webhook' as const,
    },
  }
}

/** The runtime finds its network when the node has been given its range of pod addresses. */
async function writeCniConfig(env: Env, client: Client, flags: FlagValues, signal: AbortSignal): Promise<void> {
  const name = flags.string('node-name')!
  for (;;) {
    const node = await client.get(nodes, { name }, { signal }).catch(() => undefined)
    const podCIDRs = node?.spec?.podCIDRs ?? []
    if (podCIDRs.length > 0) {
      const file = join(flags.string('cni-conf-dir')!, '10-coxswain.conflist')
      writeFileSync(`${file}.part`, renderCniConfig({ cni: { ipamDir: flags.string('cni-ipam-dir')! } }, podCIDRs))
      renameSync(`${file}.part`, file)
      return
    }
    await env.clock.sleep(200, signal)
  }
}
