import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseFlags } from './command.ts'
import { kubeletFlags } from './flags/kubelet.ts'
import { loadConfiguration } from './kubelet-configuration.ts'
import { checkLabels, checkSwap, kubeletOptions } from './kubelet.ts'

/** All that `kubelet --help` of v1.36.3 names, but --help and --version, which every subcommand of ours has. */
const upstream = `address allowed-unsafe-sysctls anonymous-auth application-metrics-count-limit authentication-token-webhook authentication-token-webhook-cache-ttl
  authorization-mode authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl boot-id-file bootstrap-kubeconfig cert-dir cgroup-driver cgroup-root
  cgroups-per-qos client-ca-file cloud-provider cluster-dns cluster-domain config config-dir container-hints container-log-max-files container-log-max-size
  container-runtime-endpoint containerd containerd-namespace contention-profiling cpu-cfs-quota cpu-cfs-quota-period cpu-manager-policy cpu-manager-policy-options
  cpu-manager-reconcile-period enable-controller-attach-detach enable-debugging-handlers enable-load-reader enable-server enforce-node-allocatable event-burst event-qps
  event-storage-age-limit event-storage-event-limit eviction-hard eviction-max-pod-grace-period eviction-minimum-reclaim eviction-pressure-transition-period eviction-soft
  eviction-soft-grace-period exit-on-lock-contention experimental-allocatable-ignore-eviction experimental-mounter-path fail-cgroupv1 fail-swap-on feature-gates
  file-check-frequency global-housekeeping-interval hairpin-mode healthz-bind-address healthz-port hostname-override housekeeping-interval http-check-frequency
  image-credential-provider-bin-dir image-credential-provider-config image-gc-high-threshold image-gc-low-threshold image-service-endpoint kernel-memcg-notification
  kube-api-burst kube-api-content-type kube-api-qps kube-reserved kube-reserved-cgroup kubeconfig kubelet-cgroups local-storage-capacity-isolation lock-file log-cadvisor-usage
  log-flush-frequency log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size log-text-split-stream logging-format machine-id-file make-iptables-util-chains
  manifest-url manifest-url-header max-open-files max-pods maximum-dead-containers maximum-dead-containers-per-container memory-manager-policy minimum-container-ttl-duration
  minimum-image-ttl-duration node-ip node-labels node-status-max-images node-status-update-frequency oom-score-adj pod-cidr pod-manifest-path pod-max-pids pods-per-core port
  protect-kernel-defaults provider-id qos-reserved read-only-port register-node register-with-taints registry-burst registry-qps reserved-cpus reserved-memory resolv-conf root-dir
  rotate-certificates rotate-server-certificates runonce runtime-cgroups runtime-request-timeout seccomp-default serialize-image-pulls storage-driver-buffer-duration
  storage-driver-db storage-driver-host storage-driver-password storage-driver-secure storage-driver-table storage-driver-user streaming-connection-idle-timeout sync-frequency
  system-cgroups system-reserved system-reserved-cgroup tls-cert-file tls-cipher-suites tls-min-version tls-private-key-file topology-manager-policy
  topology-manager-policy-options topology-manager-scope v vmodule volume-plugin-dir volume-stats-agg-period`.split(/\s+/)

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kubelet-flags-'))
  writeFileSync(join(dir, 'config.yaml'), 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 1\nclusterDomain: file\nsyncFrequency: 10s\nevictionHard: {memory.available: 1Mi}\nnewer: 1\n')
  mkdirSync(join(dir, 'conf.d/more'), { recursive: true })
  const dropIn = (name: string, text: string) => writeFileSync(join(dir, 'conf.d', name), `apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n${text}\n`)
  dropIn('10-a.conf', 'maxPods: 2\nclusterDNS: [10.0.0.1]')
  dropIn('more/20-b.conf', 'maxPods: 3')
  dropIn('30-ignored.yaml', 'maxPods: 4')
})
afterAll(() => rmSync(dir, { recursive: true }))

const load = (...words: string[]) => loadConfiguration(parseFlags(kubeletFlags, words).values)

test('every flag of upstream is known', () => {
  const names = new Set(kubeletFlags.map(({ name }) => name))
  expect(upstream.filter((name) => !names.has(name))).toEqual([])
  expect(names.size).toBe(kubeletFlags.length)
  expect(() => load('--image-credential-provider-config=x')).toThrow('flag --image-credential-provider-config is not supported: credential plugins are not run')
})

test('the file, drop-ins over it in order, flags over all', () => {
  const { options, unknown } = load('--config', join(dir, 'config.yaml'), '--config-dir', join(dir, 'conf.d'), '--sync-frequency=20s', '--eviction-hard=memory.available<2Mi,nodefs.available<1%')
  expect(options).toMatchObject({ maxPods: 3, clusterDomain: 'file', clusterDNS: ['10.0.0.1'], syncFrequency: 20_000, evictionHard: { 'memory.available': '2Mi', 'nodefs.available': '1%' } })
  expect(unknown).toEqual(['newer'])
  expect(() => load('--config', join(dir, 'none'))).toThrow('failed to load kubelet config file')
  expect(() => load('--eviction-hard=x')).toThrow('malformed pair, expect string<string')
  expect(load('--reserved-memory=0:memory=1Gi,hugepages-2Mi=4Mi;1:memory=2Gi', '--reserved-cpus=1,0', '--kube-reserved=cpu=1,memory=1Gi').options).toMatchObject({
    topology: { reservedMemory: [{ numaNode: 0, limits: { memory: '1Gi', 'hugepages-2Mi': '4Mi' } }, { numaNode: 1, limits: { memory: '2Gi' } }], reservedCpus: '0-1' },
    systemReserved: { cpu: '2' }, kubeReserved: { memory: '1Gi' },
  })
  expect(() => load('--max-pods=-1')).toThrow('failed to validate kubelet configuration, error: invalid configuration: maxPods (--max-pods) -1 must not be a negative number')
})

test('flags alone leave the server as open as ever, a file closes it', () => {
  expect(load().server).toMatchObject({ anonymous: true, webhookAuthentication: false, authorization: 'AlwaysAllow', readOnlyPort: 10255 })
  expect(load('--config', join(dir, 'config.yaml')).server).toMatchObject({ anonymous: false, webhookAuthentication: true, authorization: 'Webhook', readOnlyPort: 0 })
})

test('what only flags say', () => {
  const { values } = parseFlags(kubeletFlags, ['--hostname-override=Node-1', '--node-ip=10.0.0.1,fd00::1', '--node-labels=a=b', '--cloud-provider=external', '--register-with-taints=k=v:NoSchedule', '--manifest-url-header=a:b,a:c'])
  expect(kubeletOptions(values, loadConfiguration(values))).toMatchObject({
    nodeName: 'node-1', nodeIps: ['10.0.0.1', 'fd00::1'], nodeLabels: { a: 'b' }, cloudProvider: 'external', registerWithTaints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }],
    staticPodURLHeader: { a: ['b', 'c'] }, rootDir: '/var/lib/kubelet',
  })
  expect(() => checkLabels({ 'node-role.kubernetes.io/worker': '' })).toThrow("unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [node-role.kubernetes.io/worker]")
  expect(() => checkLabels({ 'node.kubernetes.io/x': '', 'topology.kubernetes.io/zone': 'z', 'example.com/y': '1' })).not.toThrow()
  expect(() => checkLabels({ '-': 'x' })).toThrow("invalid node labels: '-' - ")
})

test('a machine that swaps', () => {
  expect(() => checkSwap('Filename Type\n')).not.toThrow()
  expect(() => checkSwap('Filename Type\n/dev/sda2 partition\n')).toThrow('running with swap on is not supported')
})
