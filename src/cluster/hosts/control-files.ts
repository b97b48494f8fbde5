/** The keys, certificates and kubeconfigs of a control plane whose components are programs of their own. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ServerPki, loadPki } from '../../apiserver/http/files.ts'
import type { CertificatePair } from '../../apiserver/auth/certificates.ts'
import { kubeconfigText } from '../pki/kubeconfig.ts'
import { firstAddress, serverNames } from '../pki/memory.ts'
import { ensureClientCertificate, writeSecret } from '../pki/pki.ts'
import type { NodeFiles } from './node-files.ts'
import type { HostsPlan, NodePlan } from './plan-hosts.ts'
import { adminKubeconfig, componentKubeconfig, upstreamNodeFile } from './programs.ts'
import { renderUpstreamKubelet, renderUpstreamProxy } from './render-upstream.ts'

/** The addresses of the API server, or of all of them. */
export function apiAddresses(plan: HostsPlan): string[] {
  return ['127.0.0.1', plan.bridge.address, firstAddress(plan.serviceRange), ...plan.control.map(({ address }) => address)]
}

/** The cluster's keys, made when they are missing: the same that `coxswain control-plane` makes. */
function clusterPki(plan: HostsPlan, addresses: readonly string[], now: Date): ServerPki {
  return loadPki(join(plan.dataDir, 'pki'), { now, ...serverNames(apiAddresses(plan), addresses) })
}

/** Writes the kubeconfigs of the administrator, the controllers and the scheduler; `addresses` are more names for the API's certificate. */
export function writeControlFiles(plan: HostsPlan, addresses: readonly string[], now: Date): void {
  const pki = clusterPki(plan, addresses, now)
  const server = `https://127.0.0.1:${plan.apiPort}`
  const write = (file: string, user: string, credentials: CertificatePair) =>
    writeSecret(file, kubeconfigText({ clusterName: plan.name, server, caCert: pki.ca.cert, user, credentials }))
  write(adminKubeconfig(plan), `${plan.name}-admin`, pki.admin)
  for (const component of ['kube-controller-manager', 'kube-scheduler']) {
    const user = `system:${component}`
    write(componentKubeconfig(plan, component), user, ensureClientCertificate(join(plan.dataDir, 'pki'), component, pki.ca, { commonName: user }, now))
  }
}

/** Writes the configuration of upstream's kubelet and kube-proxy. */
export function writeUpstreamNodeFiles(plan: HostsPlan, node: NodePlan, files: NodeFiles): void {
  writeFileSync(upstreamNodeFile(node, 'kubelet'), renderUpstreamKubelet(plan, node, files))
  writeFileSync(upstreamNodeFile(node, 'kube-proxy'), renderUpstreamProxy(plan, node))
}
