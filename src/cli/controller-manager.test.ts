import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { freePort } from '../client/testing/free-port.ts'
import { createManualEnv } from '../client/testing/manual-env.ts'
import { type Flag, parseFlags } from './command.ts'
import { command, controllerManagerOptions } from './controller-manager.ts'
import { serveComponent } from './serving.ts'

/** `kube-controller-manager --help` of v1.36.3. */
const upstream = `
  allocate-node-cidrs allow-metric-labels allow-metric-labels-manifest attach-detach-reconcile-sync-period authentication-kubeconfig
  authentication-skip-lookup authentication-token-webhook-cache-ttl authentication-tolerate-lookup-failure authorization-always-allow-paths
  authorization-kubeconfig authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl bind-address cert-dir
  cidr-allocator-type client-ca-file cloud-config cloud-provider cluster-cidr cluster-name cluster-signing-cert-file
  cluster-signing-duration cluster-signing-key-file cluster-signing-kube-apiserver-client-cert-file
  cluster-signing-kube-apiserver-client-key-file cluster-signing-kubelet-client-cert-file cluster-signing-kubelet-client-key-file
  cluster-signing-kubelet-serving-cert-file cluster-signing-kubelet-serving-key-file cluster-signing-legacy-unknown-cert-file
  cluster-signing-legacy-unknown-key-file concurrent-cron-job-syncs concurrent-daemonset-syncs concurrent-deployment-syncs
  concurrent-device-taint-eviction-syncs concurrent-endpoint-syncs concurrent-ephemeralvolume-syncs concurrent-gc-syncs
  concurrent-horizontal-pod-autoscaler-syncs concurrent-job-syncs concurrent-namespace-syncs concurrent-rc-syncs concurrent-replicaset-syncs
  concurrent-resource-quota-syncs concurrent-resourceclaim-syncs concurrent-service-endpoint-syncs concurrent-service-syncs
  concurrent-serviceaccount-token-syncs concurrent-statefulset-syncs concurrent-ttl-after-finished-syncs
  concurrent-validating-admission-policy-status-syncs configure-cloud-routes contention-profiling controller-shutdown-timeout
  controller-start-interval controllers disable-attach-detach-reconcile-sync disable-force-detach-on-timeout disable-http2-serving
  disabled-metrics emulated-version enable-dynamic-provisioning enable-garbage-collector enable-hostpath-provisioner enable-leader-migration
  endpoint-updates-batch-period endpointslice-updates-batch-period external-cloud-volume-plugin feature-gates flex-volume-plugin-dir
  horizontal-pod-autoscaler-cpu-initialization-period horizontal-pod-autoscaler-downscale-stabilization
  horizontal-pod-autoscaler-initial-readiness-delay horizontal-pod-autoscaler-sync-period horizontal-pod-autoscaler-tolerance
  http2-max-streams-per-connection kube-api-burst kube-api-content-type kube-api-qps kubeconfig large-cluster-size-threshold leader-elect
  leader-elect-lease-duration leader-elect-renew-deadline leader-elect-resource-lock leader-elect-resource-name
  leader-elect-resource-namespace leader-elect-retry-period leader-migration-config legacy-service-account-token-clean-up-period
  log-flush-frequency log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size log-text-split-stream logging-format master
  max-endpoints-per-slice min-compatibility-version min-resync-period mirroring-concurrent-service-endpoint-syncs
  mirroring-endpointslice-updates-batch-period mirroring-max-endpoints-per-subset namespace-sync-period node-cidr-mask-size
  node-cidr-mask-size-ipv4 node-cidr-mask-size-ipv6 node-eviction-rate node-monitor-grace-period node-monitor-period
  node-startup-grace-period permit-address-sharing permit-port-sharing profiling pv-recycler-increment-timeout-nfs
  pv-recycler-minimum-timeout-hostpath pv-recycler-minimum-timeout-nfs pv-recycler-pod-template-filepath-hostpath
  pv-recycler-pod-template-filepath-nfs pv-recycler-timeout-increment-hostpath pvclaimbinder-sync-period requestheader-allowed-names
  requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers
  requestheader-username-headers resource-quota-sync-period root-ca-file route-reconciliation-period secondary-node-eviction-rate
  secure-port service-account-private-key-file service-cluster-ip-range show-hidden-metrics-for-version terminated-pod-gc-threshold
  tls-cert-file tls-cipher-suites tls-curve-preferences tls-min-version tls-private-key-file tls-sni-cert-key unhealthy-zone-threshold
  use-service-account-credentials v version vmodule`
const flags = command.flags as readonly Flag[]
const parse = (...words: string[]) => parseFlags(flags, words).values
const folder = mkdtempSync(join(tmpdir(), 'controller-manager-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('every flag of upstream is honoured, accepted or refused with a reason', () => {
  // --explain is our own.
  expect(flags.map(({ name }) => name).filter((name) => name !== 'explain').toSorted()).toEqual(upstream.trim().split(/\s+/).toSorted())
  expect(flags.filter(({ effect, reason }) => effect !== undefined && (reason ?? '') === '')).toEqual([])
})

describe('options', () => {
  test('flags reach the controllers they are for', () => {
    const template = join(folder, 'pod.yaml')
    writeFileSync(template, 'apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: i}]}\n')
    const options = controllerManagerOptions(parse(
      '--concurrent-gc-syncs=3', '--concurrent-endpoint-syncs', '7', '--endpoint-updates-batch-period=2s', '--node-cidr-mask-size=26', '--feature-gates=A=true,B=False',
      '--controllers=*,-ttl', '--enable-garbage-collector=false', '--unhealthy-zone-threshold=0.7', '--pv-recycler-pod-template-filepath-nfs', template,
    ))
    expect(options).toMatchObject({
      tuning: { 'garbage-collector-controller': { workers: 3 }, 'endpoints-controller': { workers: 7, batchMs: 2000 } },
      nodeCIDRMaskSizeIPv4: 26, featureGates: { A: true, B: false }, controllers: ['*', '-ttl'], garbageCollector: false, unhealthyZoneThreshold: 0.7,
      recyclers: { hostPath: { minimumSeconds: 60, secondsPerGi: 30 }, nfs: { minimumSeconds: 300, template: { kind: 'Pod' } } },
    })
  })
  test.for<[string, string]>([
    ['--controllers=nonsense', '"nonsense" is not in the list of known controllers'],
    ['--cloud-provider=aws', 'unsupported cloud provider "aws"'],
    ['--cidr-allocator-type=CloudAllocator', 'needs a cloud'],
    ['--concurrent-gc-syncs=0', 'concurrent-gc-syncs must be greater than 0, got 0'],
    ['--enable-leader-migration', 'flag --enable-leader-migration is not supported'],
  ])('%s is refused', ([word, message]) => {
    expect(() => controllerManagerOptions(parse(word))).toThrow(message)
  })
  test('a refused flag may say what is so anyway', () => {
    expect(() => parse('--enable-hostpath-provisioner', '--enable-leader-migration=false')).not.toThrow()
  })
})

test('health is open to all, metrics only to those who are known', async () => {
  const env = createManualEnv()
  env.metrics.counter('a_total', 'A').inc()
  env.metrics.counter('hidden_total', 'H').inc()
  let sick: string | undefined
  const values = parse(`--secure-port=${await freePort()}`, '--bind-address=127.0.0.1', '--disabled-metrics=hidden_total', '--authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics,/metrics/slis,/statusz,/flagz')
  const server = (await serveComponent(env, values, 'test', { checks: { heart: () => sick } }))!
  const ask = (path: string): Promise<[number, string]> => new Promise((done, failed) => {
    https.get({ port: server.port, host: '127.0.0.1', path, rejectUnauthorized: false, agent: false }, (response) => {
      let body = ''
      response.on('data', (part) => (body += String(part))).on('end', () => done([response.statusCode!, body]))
    }).on('error', failed)
  })
  try {
    expect(await ask('/healthz')).toEqual([200, 'ok'])
    expect(await ask('/readyz')).toEqual([200, 'ok'])
    expect(await ask('/configz')).toEqual([403, 'forbidden: User "system:anonymous" cannot get path "/configz"\n'])
    const [code, metrics] = await ask('/metrics')
    expect([code, metrics.includes('a_total 1'), metrics.includes('hidden')]).toEqual([200, true, false])
    sick = 'it hurts'
    expect(await ask('/livez')).toEqual([500, '[-]heart failed: it hurts\nlivez check failed\n'])
    const [, slis] = await ask('/metrics/slis')
    expect(slis.split('\n').filter((line) => line.startsWith('kubernetes_healthcheck{'))).toEqual([
      'kubernetes_healthcheck{name="heart",type="healthz"} 1', 'kubernetes_healthcheck{name="heart",type="readyz"} 1', 'kubernetes_healthcheck{name="heart",type="livez"} 0',
    ])
    expect((await ask('/statusz'))[1]).toMatch(/^\ntest statusz\n[^]*\nPaths.* \/configz \/flagz \/healthz \/livez \/metrics \/readyz\n$/)
    expect((await ask('/flagz'))[1]).toMatch(/\nauthorization-always-allow-paths.*\[\/healthz,\/readyz,\/livez,[^]*\nbind-address.*127\.0\.0\.1\n/)
  } finally {
    await server.close()
  }
})
