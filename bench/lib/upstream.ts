/** Upstream's control plane as programs of this machine, built by hack/upstream. */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { kubeconfigText } from '../../src/cluster/pki/kubeconfig.ts'
import { loadPki } from '../../src/apiserver/http/files.ts'
import { type Running, freePort, startProgram, untilReady } from './processes.ts'

export const root = resolve(import.meta.dirname, '../..')
export const coxswain = join(root, 'hack/coxswain')

/** The path of an upstream program; builds it when it is missing. */
export function upstreamProgram(name: string): string {
  const cache = process.env['COXSWAIN_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/root', '.cache'), 'coxswain')
  const path = join(cache, 'upstream', name)
  if (!existsSync(path)) execFileSync(join(root, 'hack/upstream'), [name], { stdio: 'inherit' })
  return path
}

export interface UpstreamControlPlane {
  readonly etcd: Running
  readonly apiserver: Running
  readonly url: string
  readonly kubeconfig: string
  /** The administrator's certificate. */
  readonly admin: { readonly cert: string; readonly key: string }
  /** Milliseconds from nothing, etcd included, to /readyz. */
  readonly readyMs: number
  /** Starts kube-controller-manager and kube-scheduler too. */
  startControllers(): Promise<readonly Running[]>
  stop(): Promise<void>
}

export async function startUpstream(dir: string): Promise<UpstreamControlPlane> {
  const keys = join(dir, 'pki')
  const pki = loadPki(keys, { now: new Date(), dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()]
  const url = `https://127.0.0.1:${port}`
  const started = performance.now()
  const etcd = startProgram('etcd', upstreamProgram('etcd'), [
    '--data-dir', join(dir, 'etcd'), '--listen-client-urls', `http://127.0.0.1:${clientPort}`, '--advertise-client-urls', `http://127.0.0.1:${clientPort}`,
    '--listen-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-cluster', `default=http://127.0.0.1:${peerPort}`,
  ], dir)
  const apiserver = startProgram('kube-apiserver', upstreamProgram('kube-apiserver'), [
    `--etcd-servers=http://127.0.0.1:${clientPort}`, `--secure-port=${port}`, '--bind-address=127.0.0.1', '--advertise-address=127.0.0.1',
    `--cert-dir=${join(dir, 'certs')}`, `--client-ca-file=${join(keys, 'ca.crt')}`, '--authorization-mode=Node,RBAC', '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local', `--service-account-key-file=${join(keys, 'sa.pub')}`,
    `--service-account-signing-key-file=${join(keys, 'sa.key')}`,
  ], dir)
  const readyMs = await untilReady(`${url}/readyz`, apiserver, started)
  const kubeconfig = join(dir, 'admin.kubeconfig')
  const text = kubeconfigText({ clusterName: 'upstream', server: url, caCert: pki.ca.cert, user: 'admin', credentials: pki.admin })
  // kube-apiserver signed its own serving certificate.
  writeFileSync(kubeconfig, text.replace(/certificate-authority-data: .*/, 'insecure-skip-tls-verify: true'), { mode: 0o600 })
  const others: Running[] = []
  return {
    etcd, apiserver, url, kubeconfig, readyMs, admin: pki.admin,
    async startControllers() {
      const [controllerPort, schedulerPort] = [await freePort(), await freePort()]
      others.push(
        startProgram('kube-controller-manager', upstreamProgram('kube-controller-manager'), [
          `--kubeconfig=${kubeconfig}`, `--secure-port=${controllerPort}`, '--bind-address=127.0.0.1', `--service-account-private-key-file=${join(keys, 'sa.key')}`,
          `--root-ca-file=${join(keys, 'ca.crt')}`, '--use-service-account-credentials', `--cert-dir=${join(dir, 'kcm')}`,
        ], dir),
        startProgram('kube-scheduler', upstreamProgram('kube-scheduler'), [`--kubeconfig=${kubeconfig}`, `--secure-port=${schedulerPort}`, '--bind-address=127.0.0.1', `--cert-dir=${join(dir, 'ks')}`], dir),
      )
      await untilReady(`https://127.0.0.1:${schedulerPort}/healthz`, others[1]!, performance.now())
      await untilReady(`https://127.0.0.1:${controllerPort}/healthz`, others[0]!, performance.now())
      return others
    },
    async stop() {
      for (const program of [...others.reverse(), apiserver, etcd]) await program.stop()
    },
  }
}
