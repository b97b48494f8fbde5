/**
 * A control plane of several hosts: on each a member of etcd and an API server with scheduler and controllers, of which
 * one works. A balancer before the API servers is the address that clients know.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { createAuthority } from '../../apiserver/auth/certificates.ts'
import { keptAuthority, keptCertificate } from '../../apiserver/http/files.ts'
import { apiAddresses } from './control-files.ts'
import type { HostPlan, HostsPlan } from './plan-hosts.ts'
import type { ProgramSpec } from './processes.ts'
import { type ProgramChoice, bindAddress, controlPlaneCommand } from './programs.ts'

/** The etcd in the folder, or the system's; undefined when there is none. */
export function etcdProgram(folder: string): string | undefined {
  const built = join(folder, 'etcd')
  if (existsSync(built)) return built
  return spawnSync('etcd', ['--version']).status === 0 ? 'etcd' : undefined
}

const etcdPki = (plan: HostsPlan): string => join(plan.dataDir, 'pki', 'etcd')

/** etcd has an authority of its own: a certificate that opens the API must not open the store. */
export function writeMemberFiles(plan: HostsPlan, now: Date): void {
  const folder = etcdPki(plan)
  const ca = keptAuthority(folder, 'ca', () => createAuthority('etcd-ca', now))
  for (const { name, address } of plan.control) {
    keptCertificate(folder, name, ca, { commonName: name, ipAddresses: [address, '127.0.0.1'], dnsNames: ['localhost'], usages: ['server', 'client'], now })
  }
  keptCertificate(folder, 'apiserver-etcd-client', ca, { commonName: 'kube-apiserver-etcd-client', usages: ['client'], now })
}

/** All programs of the control plane, what others need first. */
export function memberPrograms(plan: HostsPlan, choice: ProgramChoice, etcd: string): ProgramSpec[] {
  return [
    ...plan.control.map((host): ProgramSpec => ({ name: `etcd-${host.index}`, netns: host.netns, command: [etcd, ...memberFlags(plan, host)] })),
    ...plan.control.map((host): ProgramSpec => ({ name: `control-plane-${host.index}`, netns: host.netns, command: [...controlPlaneCommand(plan, choice), ...serverFlags(plan, host)] })),
    {
      name: 'balancer', command: [
        ...choice.coxswain, 'balance', '--address', bindAddress(choice), '--port', String(plan.apiPort), '--ca-file', join(plan.dataDir, 'pki', 'ca.crt'),
        ...plan.control.flatMap(({ address }) => ['--to', `${address}:${plan.apiPort}`]),
      ],
    },
  ]
}

const peerUrl = ({ address }: HostPlan): string => `https://${address}:2380`
const clientUrl = ({ address }: HostPlan): string => `https://${address}:2379`

function memberFlags(plan: HostsPlan, host: HostPlan): string[] {
  const file = (name: string): string => join(etcdPki(plan), name)
  const pair = [file(`${host.name}.crt`), file(`${host.name}.key`)] as const
  return [
    '--name', host.name, '--data-dir', join(plan.dataDir, 'members', host.name), '--listen-client-urls', `${clientUrl(host)},https://127.0.0.1:2379`,
    '--advertise-client-urls', clientUrl(host), '--listen-peer-urls', peerUrl(host), '--initial-advertise-peer-urls', peerUrl(host),
    '--initial-cluster', plan.control.map((other) => `${other.name}=${peerUrl(other)}`).join(','), '--initial-cluster-token', plan.id,
    '--client-cert-auth', '--trusted-ca-file', file('ca.crt'), '--cert-file', pair[0], '--key-file', pair[1],
    '--peer-client-cert-auth', '--peer-trusted-ca-file', file('ca.crt'), '--peer-cert-file', pair[0], '--peer-key-file', pair[1],
  ]
}

/** Each asks its own member first. */
function serverFlags(plan: HostsPlan, host: HostPlan): string[] {
  const file = (name: string): string => join(etcdPki(plan), name)
  const near = [host, ...plan.control.filter((other) => other !== host)]
  return [
    '--bind-address', '0.0.0.0', '--advertise-address', host.address, ...apiAddresses(plan).flatMap((address) => ['--address', address]), '--leader-elect',
    '--etcd-servers', near.map(clientUrl).join(','), '--etcd-cafile', file('ca.crt'), '--etcd-certfile', file('apiserver-etcd-client.crt'), '--etcd-keyfile', file('apiserver-etcd-client.key'),
  ]
}

/** Whether the API server of that host says that it may be used. */
export function memberReady(plan: HostsPlan, { address }: HostPlan): Promise<boolean> {
  return readyAt(address, plan.apiPort, readFileSync(join(plan.dataDir, 'pki', 'ca.crt'), 'utf8'))
}

/** Whether /readyz there answers with 200 within a second. */
export function readyAt(host: string, port: number, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host, port, path: '/readyz', ca, agent: false, timeout: 1000 }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
    request.on('close', () => resolve(false))
  })
}
