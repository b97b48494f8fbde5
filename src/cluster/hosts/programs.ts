/**
 * The programs of a cluster as command lines: ours, and in the place of any of them upstream's own binary. Pure.
 * Ours share processes (one control plane, one program for each node); what is upstream's runs beside them.
 */
import { join } from 'node:path'
import type { NodeFiles } from './node-files.ts'
import { type HostsPlan, type NodePlan, nodeAddresses, podRanges, serviceRanges } from './plan-hosts.ts'
import type { ProgramSpec } from './processes.ts'
import { servingProgram, smallProgram } from './small.ts'

/** What can be upstream's. Its kube-apiserver needs an etcd of its own: upstream's, or ours behind etcd's API. */
export const swappable = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'] as const
export type Swappable = (typeof swappable)[number]

/** Which components are upstream's, and the folder with its binaries. */
export interface Upstream {
  readonly components: readonly Swappable[]
  readonly folder: string
}

export interface ProgramChoice {
  /** The command that runs coxswain: node, flags, main.ts. */
  readonly coxswain: readonly string[]
  readonly upstream?: Upstream | undefined
  readonly simulate: boolean
  /** Number of simulated nodes. */
  readonly nodes: number
  /** Where the API listens; absent: on the loopback with simulated nodes, everywhere with real ones. */
  readonly bindAddress?: string | undefined
  /** More names and addresses in the API's certificate. */
  readonly addresses?: readonly string[] | undefined
  /** Whether Services get load balancers of this machine. */
  readonly cloud?: boolean
}

/** Where upstream's control plane listens besides the API: an address of its own for each cluster, of the loopback net. */
export function loopbackAddress(plan: HostsPlan): string {
  return `127.1.${plan.slot}.1`
}

/** Kubeconfigs of the components that run on their own, written by control-files.ts. */
export function componentKubeconfig(plan: HostsPlan, component: string): string {
  return join(plan.dataDir, `${component}.kubeconfig`)
}

/** Programs that must run before the API answers, in this order. */
export function apiPrograms(plan: HostsPlan, choice: ProgramChoice): ProgramSpec[] {
  const upstream = (name: Swappable): boolean => isUpstream(choice, name)
  const etcd = upstream('etcd') || upstream('kube-apiserver')
  return [
    ...(etcd ? [{ name: 'etcd', command: [...(upstream('etcd') ? [join(choice.upstream!.folder, 'etcd')] : [...choice.coxswain, 'etcd']), ...etcdFlags(plan)] }] : []),
    upstream('kube-apiserver')
      ? { name: 'kube-apiserver', command: apiServerCommand(plan, choice.upstream!.folder) }
      : {
          name: 'control-plane', command: [
            ...controlPlaneCommand(plan, choice), '--bind-address', bindAddress(choice), '--advertise-address', advertiseAddress(plan, choice.simulate),
            '--kubeconfig', adminKubeconfig(plan), ...(etcd ? ['--etcd-servers', etcdURL(plan)] : []),
          ],
        },
  ]
}

/** Programs of the control plane that want an API: those that are upstream's, and ours where upstream's API server runs. */
export function controllerPrograms(plan: HostsPlan, choice: ProgramChoice): ProgramSpec[] {
  const foreignApi = isUpstream(choice, 'kube-apiserver')
  const controllers = (['kube-controller-manager', 'kube-scheduler'] as const).flatMap((name): ProgramSpec[] => {
    if (isUpstream(choice, name)) return [{ name, command: upstreamController[name](plan, choice.upstream!.folder) }]
    return foreignApi ? [{ name, command: ourController[name](plan, choice.coxswain) }] : []
  })
  // It writes the machine's routes, so it is not where a control plane in namespaces of its own is.
  const isApart = choice.cloud === true && (foreignApi || plan.control.length > 0)
  return isApart ? [...controllers, { name: 'cloud-controller-manager', command: cloudCommand(plan, choice.coxswain) }] : controllers
}

/** --cloud-config of the cluster's load balancers, written by control-files.ts. */
export function cloudFile(plan: HostsPlan): string {
  return join(plan.dataDir, 'cloud.yaml')
}

const cloudFlags = (plan: HostsPlan): string[] => ['--cloud-provider', 'local', '--cloud-config', cloudFile(plan)]

function cloudCommand(plan: HostsPlan, coxswain: readonly string[]): string[] {
  return [
    ...started(coxswain, smallProgram), 'cloud-controller-manager', '--kubeconfig', adminKubeconfig(plan), ...cloudFlags(plan), '--controllers', 'service-lb-controller', '--leader-elect=false',
    '--bind-address', loopbackAddress(plan), '--cert-dir', join(plan.dataDir, 'upstream'),
  ]
}

/** Where nodes find the cluster's own registry. */
export function registryURL(plan: HostsPlan): string {
  return `http://${plan.bridge.address}:5000`
}

export function registryCommand(plan: HostsPlan, coxswain: readonly string[], images: readonly string[]): string[] {
  return [...coxswain, 'image', 'serve', '--address', `${plan.bridge.address}:5000`, ...images]
}

/** Programs of one node, to be started in its network namespace. */
export function nodePrograms(plan: HostsPlan, node: NodePlan, files: NodeFiles, choice: ProgramChoice): ProgramSpec[] {
  const without = (['kubelet', 'kube-proxy'] as const).filter((name) => isUpstream(choice, name))
  const { folder = '' } = choice.upstream ?? {}
  const netns = node.netns
  return [
    { name: `node-${node.index}`, netns, command: nodeCommand(choice.coxswain, plan, node, files, without) },
    ...(without.includes('kubelet') ? [{
      name: `node-${node.index}-kubelet`, netns,
      command: [
        join(folder, 'kubelet'), `--config=${upstreamNodeFile(node, 'kubelet')}`, `--kubeconfig=${node.kubeconfigs.kubelet}`, `--hostname-override=${node.name}`,
        `--node-ip=${nodeAddresses(node)}`, `--root-dir=${node.kubelet.root}`, `--cert-dir=${node.kubelet.root}/pki`, '--v=2',
      ],
    }] : []),
    ...(without.includes('kube-proxy') ? [{
      name: `node-${node.index}-kube-proxy`, netns, command: [join(folder, 'kube-proxy'), `--config=${upstreamNodeFile(node, 'kube-proxy')}`, '--v=2'],
    }] : []),
  ]
}

/** The configuration file of a component of upstream's on a node. */
export function upstreamNodeFile(node: NodePlan, component: 'kubelet' | 'kube-proxy'): string {
  return join(node.kubelet.root, '..', `${component}.yaml`)
}

export function isUpstream(choice: Pick<ProgramChoice, 'upstream'>, name: Swappable): boolean {
  return choice.upstream?.components.includes(name) ?? false
}

/** The control plane writes it (or control-files.ts); what the user asked for is a copy. */
export function adminKubeconfig(plan: HostsPlan): string {
  return join(plan.dataDir, 'admin.kubeconfig')
}

/** How others reach the API server. */
export function advertiseAddress(plan: HostsPlan, simulate: boolean): string {
  return simulate ? '127.0.0.1' : plan.bridge.address
}

/** Names of files in the cluster's folder of keys. */
function keyFiles(plan: HostsPlan): (file: string) => string {
  return (file) => join(plan.dataDir, 'pki', file)
}

function etcdURL(plan: HostsPlan): string {
  return `http://${loopbackAddress(plan)}:2379`
}

function etcdFlags(plan: HostsPlan): string[] {
  const peer = `http://${loopbackAddress(plan)}:2380`
  return [
    '--data-dir', join(plan.dataDir, 'etcd'), '--listen-client-urls', etcdURL(plan), '--advertise-client-urls', etcdURL(plan),
    '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`,
  ]
}

/** What every control plane of ours is told, wherever it runs. */
export function controlPlaneCommand(plan: HostsPlan, choice: ProgramChoice): string[] {
  const without = (['kube-controller-manager', 'kube-scheduler'] as const).filter((name) => isUpstream(choice, name))
  return [
    ...started(choice.coxswain, servingProgram), 'control-plane', '--data', plan.dataDir, '--port', String(plan.apiPort), '--service-cidr', serviceRanges(plan), '--cluster-cidr', podRanges(plan),
    '--context', plan.name, ...(choice.simulate ? ['--simulate', String(choice.nodes)] : []),
    ...(choice.addresses ?? []).flatMap((address) => ['--address', address]), ...(without.length > 0 ? ['--without', without.join(',')] : []),
    ...(choice.cloud === true && plan.control.length === 0 ? [...cloudFlags(plan), '--cloud-controllers', 'service-lb-controller'] : []),
  ]
}

/** The address that clients are to use: of the API server, or of what stands before several. */
export function bindAddress({ bindAddress: chosen, simulate }: ProgramChoice): string {
  return chosen ?? (simulate ? '127.0.0.1' : '0.0.0.0')
}

function apiServerCommand(plan: HostsPlan, folder: string): string[] {
  const pki = keyFiles(plan)
  return [
    join(folder, 'kube-apiserver'), `--etcd-servers=${etcdURL(plan)}`, '--bind-address=0.0.0.0', `--secure-port=${plan.apiPort}`, `--advertise-address=${plan.bridge.address}`,
    `--tls-cert-file=${pki('apiserver.crt')}`, `--tls-private-key-file=${pki('apiserver.key')}`, `--client-ca-file=${pki('ca.crt')}`,
    `--requestheader-client-ca-file=${pki('front-proxy-ca.crt')}`, '--requestheader-allowed-names=front-proxy-client', '--requestheader-username-headers=X-Remote-User',
    '--requestheader-uid-headers=X-Remote-Uid', '--requestheader-group-headers=X-Remote-Group', '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${pki('front-proxy-client.crt')}`, `--proxy-client-key-file=${pki('front-proxy-client.key')}`,
    `--kubelet-client-certificate=${pki('apiserver-kubelet-client.crt')}`, `--kubelet-client-key=${pki('apiserver-kubelet-client.key')}`,
    `--kubelet-certificate-authority=${pki('ca.crt')}`, '--kubelet-preferred-address-types=InternalIP', '--enable-aggregator-routing=true',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local', `--service-account-key-file=${pki('sa.pub')}`, `--service-account-signing-key-file=${pki('sa.key')}`,
    `--service-cluster-ip-range=${serviceRanges(plan)}`, '--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction', '--enable-bootstrap-token-auth=true',
    '--allow-privileged=true', `--cert-dir=${join(plan.dataDir, 'upstream')}`,
  ]
}

type Command = (plan: HostsPlan, folder: string) => string[]

const upstreamController: Readonly<Record<'kube-controller-manager' | 'kube-scheduler', Command>> = {
  'kube-controller-manager': (plan, folder) => {
    const pki = keyFiles(plan)
    const kubeconfig = componentKubeconfig(plan, 'kube-controller-manager')
    return [
      join(folder, 'kube-controller-manager'), `--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`,
      `--bind-address=${loopbackAddress(plan)}`, `--cert-dir=${join(plan.dataDir, 'upstream')}`, '--allocate-node-cidrs=true', `--cluster-cidr=${podRanges(plan)}`,
      `--service-cluster-ip-range=${serviceRanges(plan)}`, `--root-ca-file=${pki('ca.crt')}`, `--service-account-private-key-file=${pki('sa.key')}`,
      `--cluster-signing-cert-file=${pki('ca.crt')}`, `--cluster-signing-key-file=${pki('ca.key')}`, '--use-service-account-credentials=true',
      '--controllers=*,bootstrap-signer-controller,token-cleaner-controller',
    ]
  },
  'kube-scheduler': (plan, folder) => {
    const kubeconfig = componentKubeconfig(plan, 'kube-scheduler')
    return [
      join(folder, 'kube-scheduler'), `--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`,
      `--bind-address=${loopbackAddress(plan)}`, `--cert-dir=${join(plan.dataDir, 'upstream')}`,
    ]
  },
}

const ourController: Readonly<Record<'kube-controller-manager' | 'kube-scheduler', (plan: HostsPlan, coxswain: readonly string[]) => string[]>> = {
  'kube-controller-manager': (plan, coxswain) => {
    const pki = keyFiles(plan)
    return [
      ...coxswain, 'controller-manager', '--kubeconfig', adminKubeconfig(plan), '--bind-address', loopbackAddress(plan), '--cert-dir', join(plan.dataDir, 'upstream'), '--allocate-node-cidrs=true', '--cluster-cidr', podRanges(plan),
      '--service-cluster-ip-range', serviceRanges(plan), '--root-ca-file', pki('ca.crt'),
      '--cluster-signing-cert-file', pki('ca.crt'), '--cluster-signing-key-file', pki('ca.key'),
    ]
  },
  'kube-scheduler': (plan, coxswain) => [
    ...coxswain, 'scheduler', '--kubeconfig', componentKubeconfig(plan, 'kube-scheduler'), '--bind-address', loopbackAddress(plan), '--cert-dir', join(plan.dataDir, 'upstream'),
  ],
}

/** The command is a node with flags, or one word. */
function started([node, ...rest]: readonly string[], { environment, flags }: typeof smallProgram | typeof servingProgram): string[] {
  return rest.length === 0 ? [node!] : ['/usr/bin/env', ...environment, node!, ...flags, ...rest]
}

function nodeCommand(coxswain: readonly string[], plan: HostsPlan, node: NodePlan, files: NodeFiles, without: readonly string[]): string[] {
  return [
    ...started(coxswain, smallProgram), 'node', '--node-name', node.name, '--node-ip', nodeAddresses(node), '--kubeconfig', node.kubeconfigs.kubelet, '--proxy-kubeconfig', node.kubeconfigs.proxy,
    '--root-dir', node.kubelet.root, '--pod-logs-dir', node.kubelet.podLogs, '--container-runtime-endpoint', `unix://${node.containerd.socket}`,
    '--cgroup-root', `/${node.cgroup}`, '--tls-cert-file', files.serverCert, '--tls-private-key-file', files.serverKey, '--client-ca-file', files.clientCA,
    '--cluster-dns', plan.dns.address, '--cluster-domain', plan.dns.domain, '--dns-port', String(plan.dns.port), '--cluster-cidr', podRanges(plan),
    '--cni-conf-dir', node.cni.confDir, '--cni-ipam-dir', node.cni.ipamDir, ...(without.length > 0 ? ['--without', without.join(',')] : []),
  ]
}
