/** The machine by iproute2 (`ip`) and HTTP. Needs root for what it writes. */
import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { get } from 'node:http'
import { promisify } from 'node:util'
import type { Machine, RouteOwner, TableRoute } from '../machine.ts'

const run = promisify(execFile)
/** Numbers that no routing daemon has in /etc/iproute2/rt_protos. */
const protocols: Readonly<Record<RouteOwner, string>> = { pods: '120', loadBalancers: '121' }

interface JsonRoute {
  readonly dst: string
  readonly gateway?: string
  readonly nexthops?: readonly { readonly gateway?: string }[]
}

const inside = (netns: string | undefined): string[] => (netns === undefined ? [] : ['-n', netns])
const familyOf = (destination: string): string => (destination.includes(':') ? '-6' : '-4')

export const systemMachine: Machine = {
  async routes(owner, netns, signal) {
    const tables = await Promise.all(['-4', '-6'].map(async (family) => {
      const { stdout } = await run('ip', [...inside(netns), '-j', family, 'route', 'show', 'proto', protocols[owner]], { signal })
      return stdout.trim() === '' ? [] : (JSON.parse(stdout) as JsonRoute[])
    }))
    return tables.flat().map(({ dst, gateway, nexthops }): TableRoute => ({
      destination: dst, gateways: gateway === undefined ? (nexthops ?? []).flatMap((hop) => hop.gateway ?? []) : [gateway],
    }))
  },
  async setRoute(owner, { destination, gateways }, netns, device, signal) {
    const way = gateways.length === 1 ? ['via', gateways[0]!] : gateways.flatMap((gateway) => ['nexthop', 'via', gateway])
    const route = gateways.length > 0 ? [destination, 'proto', protocols[owner], ...way]
      : device === undefined ? ['unreachable', destination, 'proto', protocols[owner]] : [destination, 'dev', device, 'proto', protocols[owner]]
    // What leads elsewhere is another route to the kernel where one of both has no gateway.
    if (gateways.length === 0 || destination.includes(':')) await systemMachine.deleteRoute(owner, destination, netns, signal)
    await run('ip', [...inside(netns), familyOf(destination), 'route', 'replace', ...route], { signal })
  },
  async deleteRoute(owner, destination, netns, signal) {
    try {
      await run('ip', [...inside(netns), familyOf(destination), 'route', 'delete', destination, 'proto', protocols[owner]], { signal })
    } catch (error) {
      if (!/No such process/.test(String((error as { stderr?: string }).stderr))) throw error
    }
  },
  hasNetns: (name) => access(`/run/netns/${name}`).then(() => true, () => false),
  isHealthy: (host, port, signal) => new Promise((resolve) => {
    const request = get({ host, port, path: '/healthz', timeout: 1000, agent: false, signal }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  }),
}
