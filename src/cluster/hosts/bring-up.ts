/** Brings a named cluster up: network, runtimes, control plane, nodes, in the order of what each needs. Repeatable. */
import { createServer } from 'node:net'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodes, serviceAccounts } from '../../api/generated/resources.ts'
import type { Node } from '../../api/generated/types/core-v1.ts'
import type { Env } from '../../base/env.ts'
import type { Client } from '../../client/client.ts'
import { writeSecret } from '../pki/pki.ts'
import { ensureDnsService } from './dns-service.ts'
import { ensureHosts, startContainerds } from './hosts.ts'
import { type ClusterRecord, type Places, readRecord, writeRecord } from './locate.ts'
import { routePods, takenRanges } from './network.ts'
import { writeControlFiles, writeUpstreamNodeFiles } from './control-files.ts'
import { etcdProgram, memberPrograms, memberReady, writeMemberFiles } from './members.ts'
import { writeNodeFiles } from './node-files.ts'
import { type HostsPlan, planHosts } from './plan-hosts.ts'
import { type ProgramSpec, logFile, logTail, programPid, startProgram, stopProgram } from './processes.ts'
import { type ProgramChoice, type Upstream, adminKubeconfig, apiPrograms, cloudFile, controllerPrograms, nodePrograms, registryCommand, registryURL } from './programs.ts'
import { renderCloudConfig } from './render.ts'

export interface UpOptions {
  readonly name: string
  readonly nodes?: number
  readonly simulate: boolean
  readonly dataDir?: string
  /** Where the administrator's kubeconfig is put; default: as before, or `defaultKubeconfig`. */
  readonly kubeconfig?: string
  readonly defaultKubeconfig: string
  readonly port?: number
  /** Address the API listens on; default: as before, or by the kind of nodes. */
  readonly bindAddress?: string
  /** Names and addresses that the API's certificate is for, besides its own; default: as before. */
  readonly addresses?: readonly string[]
  /** The command that runs coxswain: node, flags, main.ts. */
  readonly coxswain: readonly string[]
  /** Components to take from upstream. */
  readonly upstream?: Upstream
  /** Number of hosts of the control plane, each an API server and a member of etcd; default: as before. */
  readonly members?: number
  /** Folder where etcd's program is looked for before the system's. */
  readonly programFolder: string
  /** Starts what runs already again, one after another, each as soon as the one before serves. */
  readonly roll?: boolean
  /** Whether Services get load balancers of this machine; default: as before, or yes. */
  readonly cloud?: boolean | undefined
  /** Pods, Services and nodes have addresses of both families; default: as before, or no. */
  readonly dualStack?: boolean | undefined
  /** Image archives for a registry beside the cluster; default: as before. */
  readonly images?: readonly string[]
  readonly places: Places
  readonly progress: (text: string) => void
  /** An administrator's client for the kubeconfig file, made when the file is there. */
  readonly connect: (kubeconfig: string) => Promise<Client & { close(): Promise<void> }>
}

/** What cannot be done as asked; the message says what to do. */
export class UpError extends Error {}

const startLimitMs = 60_000
const nodesLimitMs = 120_000

/** Resolves with what was started when the cluster is really ready: nodes, pod network, DNS, service accounts. */
export async function bringUp(env: Env, options: UpOptions): Promise<{ record: ClusterRecord; plan: HostsPlan }> {
  const { progress } = options
  const { record, plan } = await decide(options)
  const choice: ProgramChoice = { coxswain: options.coxswain, upstream: record.upstream, simulate: record.simulate, nodes: record.nodes, bindAddress: record.bindAddress, addresses: record.addresses, cloud: record.cloud ?? true }
  const programs = plan.control.length > 0 ? memberPrograms(plan, choice, etcdFor(options)) : apiPrograms(plan, choice)
  const server = plan.control.length > 0 ? 'control-plane-1' : programs.at(-1)!.name
  if (programPid(plan, programs.at(-1)!.name) === undefined) await requireFreePort(plan.apiPort)
  // Before anything is made, so that hack/down finds all of it whatever happens next.
  writeRecord(options.places.stateDir, record)
  if (!record.simulate || plan.control.length > 0) {
    progress('preparing networks and cgroups')
    await ensureHosts(plan, record.images === undefined ? undefined : registryURL(plan))
    if (record.images !== undefined) startProgram(plan, { name: 'registry', command: registryCommand(plan, options.coxswain, record.images) })
  }
  progress(`starting the control plane on port ${plan.apiPort}`)
  mkdirSync(plan.dataDir, { recursive: true, mode: 0o700 })
  writeFileSync(cloudFile(plan), renderCloudConfig(plan, record.simulate))
  if (record.upstream !== undefined || plan.control.length > 0) writeControlFiles(plan, record.addresses ?? [], new Date(env.clock.now()))
  if (plan.control.length > 0) writeMemberFiles(plan, new Date(env.clock.now()))
  for (const program of programs) if (!startProgram(plan, program) && options.roll === true) await startAgain(env, options, plan, program)
  const runtimes = record.simulate ? undefined : startContainerds(plan)
  runtimes?.catch(() => undefined)
  const client = await untilServed(env, options, record, plan, server)
  try {
    for (const program of controllerPrograms(plan, choice)) startProgram(plan, program)
    if (runtimes !== undefined) {
      progress(`starting ${plan.nodes.length === 1 ? 'a container runtime' : `${plan.nodes.length} container runtimes`}`)
      await runtimes
      await startNodes(env, client, options, plan, choice)
    }
    await untilUsable(env, client, options, plan, record, server)
  } finally {
    await client.close()
  }
  return { record, plan }
}

/** What an earlier run chose stays; what is asked now and differs is refused where it cannot change. */
async function decide(options: UpOptions): Promise<{ record: ClusterRecord; plan: HostsPlan }> {
  const { name, places } = options
  const known = readRecord(places.stateDir, name)
  if (known !== undefined && known.simulate !== options.simulate && options.nodes !== undefined) {
    throw new UpError(`cluster ${name} has ${known.simulate ? 'simulated' : 'real'} nodes; take another --name, or forget it with hack/down --name ${name} --purge`)
  }
  const dataDir = options.dataDir ?? known?.dataDir ?? join(places.stateDir, name)
  if (known !== undefined && known.dataDir !== dataDir && existsSync(known.dataDir)) {
    throw new UpError(`the state of cluster ${name} is in ${known.dataDir}; leave --data out, or forget it with hack/down --name ${name} --purge`)
  }
  const simulate = known?.simulate ?? options.simulate
  const count = options.nodes ?? known?.nodes ?? 1
  const members = options.members ?? known?.members
  if (known !== undefined && (known.members ?? 0) !== (members ?? 0)) {
    throw new UpError(`cluster ${name} was made with ${known.members === undefined ? 'one API server' : `${known.members} API servers`}; forget it with hack/down --name ${name} --purge`)
  }
  const dualStack = options.dualStack ?? known?.dualStack
  if (known !== undefined && (known.dualStack ?? false) !== (dualStack ?? false)) {
    throw new UpError(`cluster ${name} was made with ${known.dualStack === true ? 'both IP families' : 'IPv4 alone'}; forget it with hack/down --name ${name} --purge`)
  }
  const plan = planHosts({
    name, nodes: simulate ? 0 : count, dataDir, runDir: join(places.runDir, name), ...(members === undefined ? {} : { members }),
    ...(dualStack === true ? { dualStack } : {}), slot: known?.slot, takenRanges: known === undefined && (!simulate || members !== undefined) ? await takenRanges() : [], port: options.port ?? known?.port,
  })
  const kubeconfig = options.kubeconfig ?? known?.kubeconfig ?? options.defaultKubeconfig
  const upstream = options.upstream ?? known?.upstream
  const images = options.images ?? known?.images
  if (known !== undefined && JSON.stringify(known.upstream?.components) !== JSON.stringify(upstream?.components)) {
    throw new UpError(`cluster ${name} was made with ${known.upstream === undefined ? 'no components' : known.upstream.components.join(', ')} of upstream; forget it with hack/down --name ${name} --purge`)
  }
  const bindAddress = options.bindAddress ?? known?.bindAddress
  const cloud = options.cloud ?? known?.cloud
  const addresses = options.addresses ?? known?.addresses
  // What nobody chose is left out of the record: JSON has no undefined.
  return { plan, record: { members, upstream, images, cloud, ...(dualStack === true ? { dualStack } : {}), bindAddress, addresses, name, dataDir, nodes: count, simulate, slot: plan.slot, port: plan.apiPort, kubeconfig } }
}

/** An etcd program that is there; throws with what to do. */
function etcdFor({ programFolder }: UpOptions): string {
  const found = etcdProgram(programFolder)
  if (found === undefined) throw new UpError('several API servers share an etcd, and there is no program of that name: install it (apt install etcd-server), or build it with hack/upstream etcd')
  return found
}

/** Ends a program of ours and starts it as it is installed now; returns when it serves again. Upstream's and the balancer stay. */
async function startAgain(env: Env, { progress }: UpOptions, plan: HostsPlan, program: ProgramSpec): Promise<void> {
  if (!program.name.startsWith('control-plane')) return
  progress(`starting ${program.name} again`)
  await stopProgram(plan, program.name, 15_000)
  startProgram(plan, program)
  const host = plan.control.find(({ index }) => program.name.endsWith(`-${index}`))
  const end = env.clock.monotonic() + startLimitMs
  while (host !== undefined && !(await memberReady(plan, host))) {
    if (env.clock.monotonic() > end) throw failed(plan, program.name, `${host.name} did not become ready`)
    await env.clock.sleep(100)
  }
}

function requireFreePort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${error.code})`
      reject(new UpError(`port ${port} ${why}: choose another with --port, or stop what listens there`))
    })
    server.listen(port, '0.0.0.0', () => server.close(() => resolve()))
  })
}

async function untilServed(env: Env, options: UpOptions, record: ClusterRecord, plan: HostsPlan, server: string): Promise<Client & { close(): Promise<void> }> {
  const end = env.clock.monotonic() + startLimitMs
  const file = adminKubeconfig(plan)
  for (;;) {
    if (existsSync(file)) {
      const client = await options.connect(file)
      try {
        if ((await client.raw('GET', '/readyz')) === 'ok') {
          writeSecret(record.kubeconfig, readFileSync(file, 'utf8'))
          return client
        }
      } catch {
        // Not there yet, or the kubeconfig is of an earlier start.
      }
      await client.close()
    }
    if (env.clock.monotonic() > end) throw failed(plan, server, 'the control plane did not become ready')
    await env.clock.sleep(50)
  }
}

function failed(plan: HostsPlan, program: string, what: string): UpError {
  return new UpError(`${what}; the end of ${logFile(plan, program)}:\n${logTail(plan, program, 15)}`)
}

async function startNodes(env: Env, client: Client, options: UpOptions, plan: HostsPlan, choice: ProgramChoice): Promise<void> {
  options.progress('starting nodes')
  for (const node of plan.nodes) {
    const files = writeNodeFiles(plan, node, new Date(env.clock.now()))
    if (choice.upstream !== undefined) writeUpstreamNodeFiles(plan, node, files)
    for (const program of nodePrograms(plan, node, files, choice)) {
      if (startProgram(plan, program) || options.roll !== true) continue
      await stopProgram(plan, program.name, 15_000)
      startProgram(plan, program)
    }
  }
  await ensureDnsService(client, plan)
}

async function untilUsable(
  env: Env, client: Client, options: UpOptions, plan: HostsPlan, record: ClusterRecord, server: string,
): Promise<void> {
  const end = env.clock.monotonic() + nodesLimitMs
  const routed = new Set<string>()
  let shown = -1
  for (;;) {
    const { items } = await client.list(nodes)
    for (const node of plan.nodes) {
      const podCIDRs = items.find(({ metadata }) => metadata.name === node.name)?.spec?.podCIDRs ?? []
      if (podCIDRs.length === 0 || routed.has(node.name)) continue
      await routePods(plan, node, podCIDRs)
      routed.add(node.name)
    }
    const ready = items.filter(isReady).length
    if (ready !== shown) options.progress(`${ready} of ${record.nodes} nodes ready`)
    shown = ready
    const account = await client.get(serviceAccounts, { namespace: 'default', name: 'default' }).catch(() => undefined)
    if (ready >= record.nodes && routed.size === plan.nodes.length && account !== undefined) return
    if (env.clock.monotonic() > end) {
      const late = plan.nodes.find((node) => !items.some((item) => item.metadata.name === node.name && isReady(item)))
      throw late === undefined ? failed(plan, server, 'the cluster did not become ready') : failed(plan, `node-${late.index}`, `${late.name} did not become ready`)
    }
    await env.clock.sleep(100)
  }
}

function isReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}
