/** The credentials of a node host: kubeconfigs of kubelet and proxy, the certificate of the kubelet's server. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CertificatePair } from '../../apiserver/auth/certificates.ts'
import { kubeconfigText } from '../pki/kubeconfig.ts'
import { ensureClientCertificate, ensureServerCertificate, writeSecret } from '../pki/pki.ts'
import { dnsGroup } from './dns-service.ts'
import type { HostsPlan, NodePlan } from './plan-hosts.ts'

export interface NodeFiles {
  readonly serverCert: string
  readonly serverKey: string
  readonly clientCA: string
}

/** Writes what is missing. The control plane has made the cluster's authority by then. */
export function writeNodeFiles(plan: HostsPlan, node: NodePlan, now: Date): NodeFiles {
  const pki = join(plan.dataDir, 'pki')
  const ca: CertificatePair = { cert: readFileSync(join(pki, 'ca.crt'), 'utf8'), key: readFileSync(join(pki, 'ca.key'), 'utf8') }
  const own = join(plan.dataDir, 'nodes', node.name, 'pki')
  const user = `system:node:${node.name}`
  const server = `https://${plan.bridge.address}:${plan.apiPort}`
  const write = (file: string, commonName: string, credentials: CertificatePair) =>
    writeSecret(file, kubeconfigText({ clusterName: plan.name, server, caCert: ca.cert, user: commonName, credentials }))
  write(node.kubeconfigs.kubelet, user, ensureClientCertificate(own, 'kubelet-client', ca, { commonName: user, organizations: ['system:nodes'] }, now))
  write(node.kubeconfigs.proxy, 'system:kube-proxy', ensureClientCertificate(own, 'proxy-client', ca, { commonName: 'system:kube-proxy', organizations: [dnsGroup] }, now))
  ensureServerCertificate(own, 'kubelet', ca, { commonName: user, organizations: ['system:nodes'], dnsNames: [node.name], ipAddresses: [node.address, '127.0.0.1'] }, now)
  return { serverCert: join(own, 'kubelet.crt'), serverKey: join(own, 'kubelet.key'), clientCA: join(pki, 'ca.crt') }
}
