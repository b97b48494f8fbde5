/** The configuration texts of a node host. Pure. */
import type { HostsPlan, NodePlan } from './plan-hosts.ts'

export interface ContainerdOptions {
  readonly pauseImage: string
  /** "native" where the data folder lies on an overlay itself. */
  readonly snapshotter: 'overlayfs' | 'native'
}

/** Where runc of this node remembers its containers. */
export function runcRoot(node: NodePlan): string {
  return `${node.containerd.state}/runc`
}

/** containerd's config.toml: everything of its own, so that several run beside each other and beside the machine's. */
export function renderContainerdConfig(node: NodePlan, options: ContainerdOptions): string {
  const unused = ['snapshotter.v1.btrfs', 'snapshotter.v1.zfs', 'snapshotter.v1.devmapper', 'snapshotter.v1.aufs', 'internal.v1.opt', 'internal.v1.tracing']
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  return `version = 2
root = ${quote(node.containerd.root)}
state = ${quote(node.containerd.state)}
disabled_plugins = [${unused.map((name) => quote(`io.containerd.${name}`)).join(', ')}]
[grpc]
  address = ${quote(node.containerd.socket)}
[${cri}]
  sandbox_image = ${quote(options.pauseImage)}
  # Without CAP_SYS_RESOURCE a lower score than one's own cannot be given.
  restrict_oom_score_adj = true
  disable_apparmor = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[${cri}.containerd]
  snapshotter = ${quote(options.snapshotter)}
  default_runtime_name = "runc"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
  # runc's own records go when the node does; by default all nodes of a machine would share one folder.
  Root = ${quote(runcRoot(node))}
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = ${quote(node.cni.confDir)}
  max_conf_num = 1
[${cri}.registry]
  config_path = ${quote(node.registryDir)}
`
}

/**
 * The CNI configuration of a node for its pod ranges, one of each family. ptp, not bridge: each pod's packets are routed through the node's
 * namespace, so Service rules see those between two pods of one node without br_netfilter.
 */
export function renderCniConfig(node: { readonly cni: Pick<NodePlan['cni'], 'ipamDir'> }, podCidrs: readonly string[]): string {
  const ipam = {
    type: 'host-local', dataDir: node.cni.ipamDir, routes: podCidrs.map((cidr) => ({ dst: cidr.includes(':') ? '::/0' : '0.0.0.0/0' })),
    // host-local takes the first address of a range as gateway.
    ranges: podCidrs.map((subnet) => [{ subnet }]),
  }
  return `${JSON.stringify({
    cniVersion: '0.4.0', name: 'coxswain',
    plugins: [{ type: 'ptp', ipMasq: false, mtu: 1500, ipam }, { type: 'portmap', capabilities: { portMappings: true }, snat: true }],
  }, null, 2)}\n`
}

/** --cloud-config of the local cloud: addresses for load balancers, reachable from the machine where nodes are real. */
export function renderCloudConfig(plan: HostsPlan, simulate: boolean): string {
  return `apiVersion: cloud.coxswain.dev/v1alpha1
kind: LocalCloudConfiguration
loadBalancerRanges: [${quote(plan.loadBalancerRange)}]
${simulate ? 'announce: false' : `device: ${plan.bridge.name}`}
`
}

/** Lets pods and nodes out under the machine's address; what stays inside the cluster keeps its own. */
export function renderMasquerade(plan: HostsPlan): string {
  const { ipv6 } = plan
  return [
    masquerade(plan, 'ip', `{ ${plan.podRange}, ${plan.nodeRange} }`),
    ...(ipv6 === undefined ? [] : [masquerade(plan, 'ip6', `{ ${ipv6.podRange}, ${ipv6.nodeRange} }`)]),
  ].join('')
}

function masquerade(plan: HostsPlan, ip: 'ip' | 'ip6', inside: string): string {
  return `table ${ip} ${plan.nftTable} { comment "pods of the Coxswain cluster ${plan.name}"; }
delete table ${ip} ${plan.nftTable}
table ${ip} ${plan.nftTable} {
  comment "pods of the Coxswain cluster ${plan.name}"
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${ip} saddr ${inside} ${ip} daddr != ${inside} oifname != "${plan.bridge.name}" masquerade
  }
}
`
}

function quote(text: string): string {
  return JSON.stringify(text)
}
