/** One node's surroundings for kubelets that are measured or compared: a containerd, a cgroup, credentials, one configuration for all. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { issueCertificate } from '../../src/apiserver/auth/certificates.ts'
import { ensureCgroup, removeCgroup } from '../../src/cluster/hosts/cgroups.ts'
import { kubeconfigText } from '../../src/cluster/pki/kubeconfig.ts'
import { type TestContainerd, startContainerd } from '../../src/kubelet/testing/containerd.ts'
import { type Running, freePort, startProgram } from './processes.ts'
import { coxswain, upstreamProgram } from './upstream.ts'

export type Side = 'coxswain' | 'upstream'

export interface NodeHost {
  readonly containerd: TestContainerd
  /** Starts a kubelet for the node of this name, as the only one. Both sides read the same file. */
  start(side: Side, nodeName: string): Promise<Running>
  stop(): Promise<void>
}

export interface ControlPlaneAccess {
  readonly url: string
  /** Folder of ca.crt and ca.key. */
  readonly pki: string
  /** kube-apiserver signs its own serving certificate, which no client of a node knows. */
  readonly insecure?: boolean
}

export async function createNodeHost(dir: string, access: ControlPlaneAccess): Promise<NodeHost> {
  const cgroup = `coxswain-bench-${process.pid}`
  ensureCgroup(cgroup)
  const containerd = await startContainerd()
  const ca = { cert: readFileSync(join(access.pki, 'ca.crt'), 'utf8'), key: readFileSync(join(access.pki, 'ca.key'), 'utf8') }
  return {
    containerd,
    async start(side, nodeName) {
      const own = join(dir, `${side}-${nodeName}`)
      mkdirSync(own, { recursive: true })
      const commonName = `system:node:${nodeName}`
      const credentials = issueCertificate(ca, { commonName, organizations: ['system:nodes'], usages: ['client'], now: new Date(), days: 1 })
      const text = kubeconfigText({ clusterName: 'c', server: access.url, caCert: ca.cert, user: commonName, credentials })
      const kubeconfig = join(own, 'kubeconfig')
      writeFileSync(kubeconfig, access.insecure === true ? text.replace(/certificate-authority-data: .*/, 'insecure-skip-tls-verify: true') : text)
      const config = join(own, 'config.yaml')
      writeFileSync(config, JSON.stringify({
        apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', containerRuntimeEndpoint: `unix://${containerd.socket}`, cgroupRoot: `/${cgroup}`,
        podLogsDir: join(own, 'pods'), failCgroupV1: false, failSwapOn: false, oomScoreAdj: 0, port: await freePort(), healthzPort: 0, address: '127.0.0.1',
        authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: join(access.pki, 'ca.crt') } },
        evictionHard: { 'memory.available': '50Mi' }, imageGCHighThresholdPercent: 100, maxPods: 150, resolvConf: '', localStorageCapacityIsolation: true,
      }))
      const flags = ['--kubeconfig', kubeconfig, '--config', config, '--hostname-override', nodeName, '--node-ip', '127.0.0.1', '--root-dir', join(own, 'root'), '--cert-dir', join(own, 'pki')]
      return side === 'coxswain' ? startProgram(`coxswain-${nodeName}`, coxswain, ['kubelet', ...flags], own) :
        startProgram(`kubelet-${nodeName}`, upstreamProgram('kubelet'), [...flags, '-v=1'], own)
    },
    async stop() {
      await containerd.stop()
      await removeCgroup(cgroup)
      // A kubelet that is ended leaves what it mounted.
      for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n').reverse()) {
        const target = line.split(' ')[1]
        if (target?.startsWith(`${dir}/`)) execFileSync('umount', ['-l', target])
      }
    },
  }
}
