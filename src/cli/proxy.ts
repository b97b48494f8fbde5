import { hostname } from 'node:os'
import { createConntrack } from '../proxy/conntrack/exec/conntrack.ts'
import { createNft } from '../proxy/nftables/exec/nft.ts'
import { type ProxyOptions, createProxy } from '../proxy/proxy.ts'
import { type Command, type FlagValues, UsageError } from './command.ts'
import { runWithClient } from './component.ts'
import { proxyFlags } from './flags/proxy.ts'
import { nodeAddress } from './kubelet.ts'

export const command: Command = {
  name: 'proxy',
  summary: 'Service virtual IPs on a node (kube-proxy)',
  description: 'Writes the nftables rules that send Service traffic to endpoints.\n\nExample:\n  coxswain proxy --kubeconfig proxy.conf --hostname-override node-1 --cluster-cidr 10.244.0.0/16',
  flags: proxyFlags,
  run(invocation) {
    const options = proxyOptions(invocation.flags)
    return runWithClient(invocation, 'kube-proxy', (env, client) =>
      createProxy(env, client, { ...options, filter: createNft(), tracking: createConntrack() }))
  },
}

/** What the flags say; UsageError for what cannot be honoured. */
export function proxyOptions(flags: FlagValues): Omit<ProxyOptions, 'filter' | 'tracking'> {
  const mode = flags.string('proxy-mode')
  if (mode !== '' && mode !== 'nftables') throw new UsageError(`--proxy-mode: ${mode} is not supported, nftables is`)
  const bind = flags.string('bind-address')!
  const anywhere = bind === '0.0.0.0' || bind === '::'
  const addresses = flags.list('nodeport-addresses')
  return {
    nodeName: (flags.string('hostname-override') || hostname()).toLowerCase(),
    nodeIP: anywhere ? nodeAddress() : bind,
    clusterCidrs: flags.list('cluster-cidr'),
    ...(addresses.length === 0 ? { nodePortAddresses: 'all' as const } : addresses.includes('primary') ? {} : { nodePortAddresses: addresses }),
    masqueradeAll: flags.bool('masquerade-all'),
    syncPeriodMs: flags.number('nftables-sync-period')!,
    minSyncPeriodMs: flags.number('nftables-min-sync-period')!,
    ...endpoint('healthz', flags.string('healthz-bind-address')!),
    ...endpoint('metrics', flags.string('metrics-bind-address')!),
  }
}

function endpoint<Name extends 'healthz' | 'metrics'>(name: Name, text: string): { [N in Name]?: { address: string; port: number } } {
  if (text === '') return {}
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text)
  if (match === null) throw new UsageError(`--${name}-bind-address: ${JSON.stringify(text)} must be ADDRESS:PORT`)
  return { [name]: { address: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) } } as { [N in Name]?: { address: string; port: number } }
}
