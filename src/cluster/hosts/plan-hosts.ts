/**
 * Everything that a cluster of node hosts needs on one machine, from its name: addresses, interfaces, network
 * namespaces, cgroups, folders, ports. Pure: the same input gives the same plan, so clean-up by name finds it all.
 *
 * Addresses: a cluster has two neighbouring /16 of 10.0.0.0/8, chosen by a hash of its name (the next free pair when
 * that one is taken). The first is the pods'; of the second, the lower quarter is the Services', 10.x.128.0/18 is for
 * load balancers, and 10.x.240.0/20 is the nodes' own network, a bridge with the machine at .1. With IPv6 besides, the
 * same three parts are cut from a /48 of fd00::/8 whose 40 bits are the name's hash (RFC 4193: nobody else has them).
 */
import { createHash } from 'node:crypto'
import { addressAt, overlap, parseRange } from './ranges.ts'

export interface PlanInput {
  readonly name: string
  readonly nodes: number
  /** State that survives: the store, certificates, images, volumes. */
  readonly dataDir: string
  /** State of running processes: sockets, pids. Short, for a socket's path has at most 107 bytes. */
  readonly runDir: string
  /** How many hosts the control plane has, each an API server and a member of etcd; 0: it runs on the machine itself. */
  readonly members?: number
  /** The pair of ranges to use, from an earlier run; chosen when absent. */
  readonly slot?: number
  /** Ranges in use on the machine, as `ip route` and `ip address` print them. */
  readonly takenRanges?: readonly string[]
  /** Where the API listens; follows from the name when absent. */
  readonly port?: number
  /** Pods, Services and nodes have addresses of both families. */
  readonly dualStack?: boolean
}

/** The IPv6 part of a cluster's network. */
export interface IPv6Plan {
  readonly podRange: string
  readonly serviceRange: string
  readonly nodeRange: string
  /** The machine's address on the bridge, whose network has 64 bits. */
  readonly address: string
}

/** A network namespace of its own, on the cluster's bridge. */
export interface HostPlan {
  readonly name: string
  readonly index: number
  /** Network namespace, below /run/netns. */
  readonly netns: string
  /** The veth's end on the bridge; inside the namespace it is called eth0. */
  readonly veth: string
  readonly address: string
  /** Its IPv6 address, of nodes in a cluster with both families. */
  readonly address6?: string
}

export interface NodePlan extends HostPlan {
  /** Below each controller's mount. */
  readonly cgroup: string
  readonly containerd: { readonly root: string; readonly state: string; readonly socket: string; readonly config: string }
  readonly cni: { readonly confDir: string; readonly ipamDir: string }
  readonly registryDir: string
  readonly kubelet: { readonly root: string; readonly podLogs: string }
  readonly kubeconfigs: { readonly kubelet: string; readonly proxy: string }
}

export interface HostsPlan {
  readonly name: string
  /** Eight hex digits of the name's hash: part of interface and table names, which have few characters. */
  readonly id: string
  readonly slot: number
  readonly dataDir: string
  readonly runDir: string
  readonly logDir: string
  readonly podRange: string
  readonly serviceRange: string
  readonly nodeRange: string
  readonly loadBalancerRange: string
  /** The machine's address on the bridge: where nodes and pods find the API. */
  readonly bridge: { readonly name: string; readonly address: string; readonly prefix: number }
  readonly nftTable: string
  /** Parent of the nodes' cgroups. */
  readonly cgroup: string
  readonly apiPort: number
  readonly dns: { readonly address: string; readonly port: number; readonly domain: string }
  /** Absent: the cluster has IPv4 alone. */
  readonly ipv6?: IPv6Plan
  readonly nodes: readonly NodePlan[]
  /** Hosts of the control plane, where it has its own. */
  readonly control: readonly HostPlan[]
}

export const defaultClusterName = 'coxswain'
/** Pairs of /16: 10.8.0.0 to 10.247.255.255. */
export const slotCount = 120

/** Why a name cannot be a cluster's; undefined when it can. */
export function whyBadName(name: string): string | undefined {
  if (/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/.test(name)) return undefined
  return `cluster name ${JSON.stringify(name)} is not valid: use 1 to 40 lower case letters, digits and dashes, with a letter or digit at both ends`
}

/** The plan. Throws when the name is bad or when every range is taken. */
export function planHosts(input: PlanInput): HostsPlan {
  const bad = whyBadName(input.name)
  if (bad !== undefined) throw new Error(bad)
  const hash = createHash('sha256').update(input.name).digest()
  const id = hash.toString('hex', 0, 4)
  const slot = input.slot ?? chooseSlot(hash.readUInt32BE(4), input.takenRanges ?? [])
  const { podRange, serviceRange, nodeRange, loadBalancerRange } = rangesOf(slot)
  const ipv6 = input.dualStack === true ? ipv6Plan(hash.toString('hex', 10, 15)) : undefined
  const base = { name: input.name, id, dataDir: input.dataDir, runDir: input.runDir, nodeRange, ...(ipv6 === undefined ? {} : { ipv6 }) }
  return {
    ...base, slot, podRange, serviceRange, loadBalancerRange,
    logDir: `${input.dataDir}/logs`,
    bridge: { name: `cx${id}`, address: addressAt(nodeRange, 1), prefix: 20 },
    nftTable: `coxswain-${id}`,
    cgroup: `coxswain-${input.name}`,
    apiPort: input.port ?? portOf(input.name, hash),
    dns: { address: addressAt(serviceRange, 10), port: 10053, domain: 'cluster.local' },
    nodes: Array.from({ length: input.nodes }, (_, i) => planNode(base, i + 1)),
    control: Array.from({ length: input.members ?? 0 }, (_, i) => planControl(base, i + 1)),
  }
}

/** The addresses between the machine's and the nodes'. */
function planControl({ name, id, nodeRange }: Pick<HostsPlan, 'name' | 'id' | 'nodeRange'>, index: number): HostPlan {
  return { name: `control-${index}`, index, netns: `coxswain-${name}-c${index}`, veth: `cx${id}c${index}`, address: addressAt(nodeRange, 1 + index) }
}

function planNode(cluster: Pick<HostsPlan, 'name' | 'id' | 'dataDir' | 'runDir' | 'nodeRange' | 'ipv6'>, index: number): NodePlan {
  const name = `node-${index}`
  const data = `${cluster.dataDir}/nodes/${name}`
  const run = `${cluster.runDir}/${name}`
  return {
    name, index,
    netns: `coxswain-${cluster.name}-${index}`,
    veth: `cx${cluster.id}n${index}`,
    address: addressAt(cluster.nodeRange, 10 + index),
    ...(cluster.ipv6 === undefined ? {} : { address6: cluster.ipv6.address.replace(/1$/, (10 + index).toString(16)) }),
    cgroup: `coxswain-${cluster.name}/${name}`,
    containerd: { root: `${data}/containerd`, state: `${run}/containerd`, socket: `${run}/containerd.sock`, config: `${data}/containerd.toml` },
    cni: { confDir: `${data}/cni`, ipamDir: `${run}/ipam` },
    registryDir: `${data}/registries`,
    kubelet: { root: `${data}/kubelet`, podLogs: `${data}/pod-logs` },
    kubeconfigs: { kubelet: `${data}/kubelet.kubeconfig`, proxy: `${data}/proxy.kubeconfig` },
  }
}

/** Cut from the /48 with these ten hex digits. A node takes 64 bits of the pods' range, which has room for 256. */
function ipv6Plan(digits: string): IPv6Plan {
  // The API takes ranges in canonical form only: groups have no leading zeros.
  const site = [`fd${digits.slice(0, 2)}`, digits.slice(2, 6), digits.slice(6, 10)].map((group) => Number.parseInt(group, 16).toString(16)).join(':')
  return { podRange: `${site}:100::/56`, serviceRange: `${site}:200::/112`, nodeRange: `${site}:300::/64`, address: `${site}:300::1` }
}

/** The cluster's ranges of both families, as flags that take a list want them. */
export function podRanges({ podRange, ipv6 }: Pick<HostsPlan, 'podRange' | 'ipv6'>): string {
  return ipv6 === undefined ? podRange : `${podRange},${ipv6.podRange}`
}

export function serviceRanges({ serviceRange, ipv6 }: Pick<HostsPlan, 'serviceRange' | 'ipv6'>): string {
  return ipv6 === undefined ? serviceRange : `${serviceRange},${ipv6.serviceRange}`
}

/** A node's addresses of both families, likewise. */
export function nodeAddresses({ address, address6 }: HostPlan): string {
  return address6 === undefined ? address : `${address},${address6}`
}

/** The ranges of a slot. */
export function rangesOf(slot: number): Pick<HostsPlan, 'podRange' | 'serviceRange' | 'nodeRange' | 'loadBalancerRange'> {
  const octet = 8 + 2 * slot
  return { podRange: `10.${octet}.0.0/16`, serviceRange: `10.${octet + 1}.0.0/18`, loadBalancerRange: `10.${octet + 1}.128.0/18`, nodeRange: `10.${octet + 1}.240.0/20` }
}

function chooseSlot(hash: number, takenTexts: readonly string[]): number {
  const taken = takenTexts.map(parseRange).filter((range) => range !== undefined)
    // A route to everything, or to all of 10.0.0.0/8 through a gateway, does not say that each of its addresses is used.
    .filter((range) => range.last - range.first < 2 ** 24 - 1)
  for (let i = 0; i < slotCount; i++) {
    const slot = (hash + i) % slotCount
    const octet = 8 + 2 * slot
    const ours = parseRange(`10.${octet}.0.0/15`)!
    if (!taken.some((range) => overlap(range, ours))) return slot
  }
  throw new Error('no free address range is left: every pair of /16 networks between 10.8.0.0 and 10.247.255.255 is in use on this machine (see ip route)')
}

/** 6443 for the cluster that nobody named; else one of 16,000 below the ephemeral ports. */
function portOf(name: string, hash: Buffer): number {
  return name === defaultClusterName ? 6443 : 10_000 + (hash.readUInt16BE(8) % 16_000)
}
