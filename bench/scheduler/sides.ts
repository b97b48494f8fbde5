/** Both sides under measurement: an API server with a scheduler, reached by HTTPS. */
import { writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { dirname, join } from 'node:path'
import { loadPki } from '../../src/apiserver/http/files.ts'
import { servingProgram } from '../../src/cluster/hosts/small.ts'
import { kubeconfigText } from '../../src/cluster/pki/kubeconfig.ts'
import { BenchClient } from '../lib/client.ts'
import { cpuSeconds, freePort, residentMiB, startProgram, untilReady } from '../lib/processes.ts'
import { root, upstreamProgram } from '../lib/upstream.ts'

export interface Side {
  readonly client: BenchClient
  /** The scheduler's metrics. */
  metrics(): Promise<string>
  memoryMiB(): Record<string, number>
  /** Of all its programs, since they were started. */
  cpuSeconds(): number
  stop(): Promise<void>
}

const admissionOff = '--disable-admission-plugins=ServiceAccount,TaintNodesByCondition,Priority'
type Gates = Readonly<Record<string, boolean>>

/** The host as hack/bench builds it beside the program, with the flags that hack/coxswain gives a control plane; the sources without that. */
const main = process.env['COXSWAIN_MAIN']
const hostModule = main === undefined ? join(root, 'bench/scheduler/host.ts') : join(dirname(main), 'bench-scheduler-host.js')
const hostFlags = servingProgram.flags
const hostEnvironment = Object.fromEntries(servingProgram.environment.map((line) => line.split('=')))

/** `nodeArgs`: for profiles. */
export async function startOurs(dir: string, gates: Gates, config = '', nodeArgs: readonly string[] = []): Promise<Side> {
  const keys = join(dir, 'pki')
  const pki = loadPki(keys, { now: new Date(), dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
  const port = await freePort()
  const url = `https://127.0.0.1:${port}`
  const host = startProgram('coxswain', process.execPath, [
    '--disable-warning=ExperimentalWarning', ...hostFlags, ...nodeArgs, hostModule, String(port), keys, JSON.stringify(gates), config,
  ], dir, hostEnvironment)
  await untilReady(`${url}/readyz`, host, performance.now())
  const client = new BenchClient(url, pki.admin)
  return {
    client, metrics: async () => (await client.ok({ path: '/metrics' })).text, memoryMiB: () => ({ coxswain: residentMiB(host.pid) }),
    cpuSeconds: () => cpuSeconds(host.pid),
    async stop() {
      client.close()
      await host.stop()
    },
  }
}

export async function startUpstream(dir: string, gates: Gates, config = ''): Promise<Side> {
  const keys = join(dir, 'pki')
  const pki = loadPki(keys, { now: new Date(), dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
  const [clientPort, peerPort, port, schedulerPort] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const url = `https://127.0.0.1:${port}`
  const etcd = startProgram('etcd', upstreamProgram('etcd'), [
    '--data-dir', join(dir, 'etcd'), '--listen-client-urls', `http://127.0.0.1:${clientPort}`, '--advertise-client-urls', `http://127.0.0.1:${clientPort}`,
    '--listen-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`, '--initial-cluster', `default=http://127.0.0.1:${peerPort}`,
    '--quota-backend-bytes', String(8 << 30), '--unsafe-no-fsync',
  ], dir)
  const gateFlag = Object.keys(gates).length === 0 ? [] : [`--feature-gates=${Object.entries(gates).map(([name, on]) => `${name}=${on}`).join(',')}`]
  const apiserver = startProgram('kube-apiserver', upstreamProgram('kube-apiserver'), [
    `--etcd-servers=http://127.0.0.1:${clientPort}`, `--secure-port=${port}`, '--bind-address=127.0.0.1', `--cert-dir=${join(dir, 'certs')}`,
    `--client-ca-file=${join(keys, 'ca.crt')}`, '--authorization-mode=RBAC', '--service-cluster-ip-range=10.96.0.0/12', '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(keys, 'sa.pub')}`, `--service-account-signing-key-file=${join(keys, 'sa.key')}`, admissionOff, '--runtime-config=api/alpha=true,api/beta=true',
    '--max-requests-inflight=0', '--max-mutating-requests-inflight=0', '--enable-priority-and-fairness=false', ...gateFlag,
  ], dir)
  await untilReady(`${url}/readyz`, apiserver, performance.now())
  const kubeconfig = join(dir, 'scheduler.kubeconfig')
  const text = kubeconfigText({ clusterName: 'upstream', server: url, caCert: pki.ca.cert, user: 'admin', credentials: pki.admin })
  writeFileSync(kubeconfig, text.replace(/certificate-authority-data: .*/, 'insecure-skip-tls-verify: true'), { mode: 0o600 })
  const file = config === '' ? join(dir, 'scheduler.yaml') : config
  // Without limits on the client, as scheduler_perf runs it.
  if (config === '') {
    writeFileSync(file, `apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nleaderElection: {leaderElect: false}\nclientConnection: {kubeconfig: ${kubeconfig}, qps: 5000, burst: 5000}\n`)
  }
  const scheduler = startProgram('kube-scheduler', upstreamProgram('kube-scheduler'), [
    `--config=${file}`, `--secure-port=${schedulerPort}`, '--bind-address=127.0.0.1', `--cert-dir=${join(dir, 'ks')}`, '--authorization-always-allow-paths=/metrics,/healthz', ...gateFlag,
  ], dir)
  await untilReady(`https://127.0.0.1:${schedulerPort}/healthz`, scheduler, performance.now())
  const client = new BenchClient(url, pki.admin)
  return {
    client, metrics: () => scrape(schedulerPort),
    memoryMiB: () => Object.fromEntries([etcd, apiserver, scheduler].map(({ name, pid }) => [name, residentMiB(pid)])),
    cpuSeconds: () => [etcd, apiserver, scheduler].reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
    async stop() {
      client.close()
      for (const program of [scheduler, apiserver, etcd]) await program.stop()
    },
  }
}

/** kube-scheduler's own server, over HTTP/1.1 as Prometheus asks it. */
function scrape(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/metrics', rejectUnauthorized: false, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => { text += chunk })
      response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`/metrics of kube-scheduler: ${response.statusCode}`))))
    }).once('error', reject)
  })
}
