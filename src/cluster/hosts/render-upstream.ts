/** Configuration files of upstream's kubelet and kube-proxy on a node host. JSON, which is YAML. Pure. */
import type { NodeFiles } from './node-files.ts'
import { type HostsPlan, type NodePlan, podRanges } from './plan-hosts.ts'

/** KubeletConfiguration v1beta1. */
export function renderUpstreamKubelet(plan: HostsPlan, node: NodePlan, files: NodeFiles): string {
  return text({
    apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration',
    address: '0.0.0.0', healthzBindAddress: '127.0.0.1',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: files.clientCA } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: files.serverCert, tlsPrivateKeyFile: files.serverKey,
    cgroupDriver: 'cgroupfs', cgroupRoot: `/${node.cgroup}`, failCgroupV1: false, failSwapOn: false,
    // Without CAP_SYS_RESOURCE a lower score than one's own cannot be given.
    oomScoreAdj: 0,
    containerRuntimeEndpoint: `unix://${node.containerd.socket}`, podLogsDir: node.kubelet.podLogs,
    clusterDNS: [plan.dns.address], clusterDomain: plan.dns.domain,
    serializeImagePulls: false,
    // All nodes share the machine's disk, which is not the cluster's to watch.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%', 'nodefs.inodesFree': '1%', 'imagefs.inodesFree': '1%' },
    imageGCHighThresholdPercent: 100, imageGCLowThresholdPercent: 99,
  })
}

/** KubeProxyConfiguration v1alpha1. */
export function renderUpstreamProxy(plan: HostsPlan, node: NodePlan): string {
  return text({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration',
    mode: 'nftables', hostnameOverride: node.name, bindAddress: '0.0.0.0', clusterCIDR: podRanges(plan),
    clientConnection: { kubeconfig: node.kubeconfigs.proxy },
    // The machine's limits are not the node's to set.
    conntrack: { maxPerCore: 0, min: 0 },
  })
}

function text(config: object): string {
  return `${JSON.stringify(config, null, 2)}\n`
}
