/** A cluster's network on the machine: one bridge, one network namespace for each node. Every step may be repeated. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { HostPlan, HostsPlan } from './plan-hosts.ts'
import { renderMasquerade } from './render.ts'
import { run, runInNetns, tryRun } from './run.ts'

/** Ranges that the machine uses already, for planHosts. */
export async function takenRanges(): Promise<string[]> {
  const routes = await tryRun('ip', ['-4', 'route', 'show', 'table', 'all'])
  const words = (routes ?? '').split('\n').map((line) => line.replace(/^(local|broadcast|unreachable|blackhole|multicast|throw) /, '').split(' ')[0]!)
  return [...new Set(words.filter((word) => /^\d/.test(word)))]
}

/** Makes what is missing: bridge, namespaces, addresses, the way out. */
export async function ensureNetwork(plan: HostsPlan): Promise<void> {
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
  if (!existsSync(`/sys/class/net/${plan.bridge.name}`)) await run('ip', ['link', 'add', plan.bridge.name, 'type', 'bridge', 'forward_delay', '0'])
  await run('ip', ['address', 'replace', `${plan.bridge.address}/${plan.bridge.prefix}`, 'dev', plan.bridge.name])
  await run('ip', ['link', 'set', plan.bridge.name, 'up'])
  if (plan.ipv6 !== undefined) {
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1')
    // The addresses are ours alone: nobody needs to be asked whether another has them.
    await run('ip', ['address', 'replace', `${plan.ipv6.address}/64`, 'dev', plan.bridge.name, 'nodad'])
  }
  await run('nft', ['-f', '-'], { input: renderMasquerade(plan) })
  await allowForwarding(plan)
  for (const host of [...plan.nodes, ...plan.control]) await ensureHost(plan, host)
  // Services are reachable from the machine too: any node translates their addresses.
  const first = plan.nodes[0]
  if (first !== undefined) await run('ip', ['route', 'replace', plan.serviceRange, 'via', first.address, 'dev', plan.bridge.name])
  if (first?.address6 !== undefined) await run('ip', ['route', 'replace', plan.ipv6!.serviceRange, 'via', first.address6, 'dev', plan.bridge.name])
}

async function ensureHost(plan: HostsPlan, host: HostPlan): Promise<void> {
  if (!existsSync(`/run/netns/${host.netns}`)) await run('ip', ['netns', 'add', host.netns])
  if (!existsSync(`/sys/class/net/${host.veth}`)) {
    await run('ip', ['link', 'add', host.veth, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.netns])
  }
  await run('ip', ['link', 'set', host.veth, 'master', plan.bridge.name, 'up'])
  await runInNetns(host.netns, `
ip link set lo up
ip address replace ${host.address}/${plan.bridge.prefix} dev eth0
ip link set eth0 up
ip route replace default via ${plan.bridge.address} dev eth0
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter
# A pod that reaches itself by its Service would be told to go straight; that takes the place of refusals in the ICMP rate limit.
for dir in /proc/sys/net/ipv4/conf/*; do echo 0 >$dir/send_redirects; done
`)
  if (host.address6 === undefined) return
  await runInNetns(host.netns, `
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
ip address replace ${host.address6}/64 dev eth0 nodad
ip route replace ::/0 via ${plan.ipv6!.address} dev eth0
`)
}

/** Leads the machine's packets for a node's pods, of either family, to that node. */
export async function routePods(plan: HostsPlan, node: HostPlan, podCIDRs: readonly string[]): Promise<void> {
  for (const range of podCIDRs) {
    const via = range.includes(':') ? node.address6 : node.address
    if (via !== undefined) await run('ip', ['route', 'replace', range, 'via', via, 'dev', plan.bridge.name])
  }
}

/** Where something (docker) made the machine drop forwarded packets, the bridge's are let through. */
async function allowForwarding(plan: HostsPlan): Promise<void> {
  for (const program of plan.ipv6 === undefined ? ['iptables'] : ['iptables', 'ip6tables']) {
    const rules = await tryRun(program, ['-w', '-S', 'FORWARD'])
    if (rules === undefined || !rules.startsWith('-P FORWARD DROP')) continue
    for (const rule of forwardRules(plan)) {
      if ((await tryRun(program, ['-w', '-C', 'FORWARD', ...rule])) === undefined) await run(program, ['-w', '-I', 'FORWARD', ...rule])
    }
  }
}

function forwardRules(plan: HostsPlan): string[][] {
  return ['-i', '-o'].map((direction) => [direction, plan.bridge.name, '-m', 'comment', '--comment', plan.nftTable, '-j', 'ACCEPT'])
}

/** Removes all of it, whatever of it exists. */
export async function removeNetwork(plan: HostsPlan): Promise<void> {
  for (const host of [...plan.nodes, ...plan.control]) await removeHost(host)
  if (existsSync(`/sys/class/net/${plan.bridge.name}`)) await run('ip', ['link', 'delete', plan.bridge.name])
  for (const family of ['ip', 'ip6']) {
    if ((await tryRun('nft', ['list', 'table', family, plan.nftTable])) !== undefined) await run('nft', ['delete', 'table', family, plan.nftTable])
  }
  for (const program of ['iptables', 'ip6tables']) {
    const rules = await tryRun(program, ['-w', '-S', 'FORWARD'])
    if (rules?.includes(plan.nftTable) === true) for (const rule of forwardRules(plan)) await tryRun(program, ['-w', '-D', 'FORWARD', ...rule])
  }
}

async function removeHost(host: HostPlan): Promise<void> {
  if (existsSync(`/sys/class/net/${host.veth}`)) await run('ip', ['link', 'delete', host.veth])
  if (existsSync(`/run/netns/${host.netns}`)) await run('ip', ['netns', 'delete', host.netns])
}

/** The machine's name servers that a node's namespace can reach: not those on the loopback. */
export function upstreamResolvers(): string[] {
  for (const file of ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']) {
    if (!existsSync(file)) continue
    const servers = [...readFileSync(file, 'utf8').matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1]!)
    const usable = servers.filter((server) => !server.startsWith('127.') && server !== '::1')
    if (usable.length > 0) return usable
  }
  return []
}

/** Names of network namespaces on the machine, for checks after clean-up. */
export function listNetns(): string[] {
  return existsSync('/run/netns') ? readdirSync('/run/netns') : []
}
