import { expect, test } from 'vitest'
import { checkKind, mergeDocuments, unknownFields, withDefaults } from './document.ts'
import { readConfiguration } from './read.ts'

test('a document becomes options, and what is not said is filled in', () => {
  const { options, server, document } = readConfiguration({
    clusterDNS: ['10.96.0.10'], syncFrequency: '30s', maxPods: 20, port: 1, readOnlyPort: 10255, cgroupDriver: 'systemd', crashLoopBackOff: { maxContainerRestartPeriod: '1m' },
    authentication: { x509: { clientCAFile: '/ca' }, webhook: { cacheTTL: '1m' } }, shutdownGracePeriod: '30s', shutdownGracePeriodCriticalPods: '10s',
  })
  expect(options).toMatchObject({
    clusterDNS: ['10.96.0.10'], syncFrequency: 30_000, maxPods: 20, cgroupDriver: 'systemd', maxContainerRestartPeriod: 60_000, resolvConf: '/etc/resolv.conf',
    shutdown: [{ priority: 0, seconds: 20 }, { priority: 2_000_000_000, seconds: 10 }], nodeStatusReportFrequency: 300_000,
  })
  expect(options.podPidsLimit).toBeUndefined()
  expect(server).toMatchObject({ port: 1, clientCAFile: '/ca', anonymous: false, webhookAuthentication: true, authorization: 'Webhook', healthzPort: 10248, cacheTtls: { authentication: 60_000, allowed: 300_000 } })
  expect(document).toMatchObject({ containerLogMaxSize: '10Mi', authentication: { anonymous: { enabled: false } }, enforceNodeAllocatable: ['pods'] })
})

test('what kubeadm writes means the defaults: nothing is no value', () => {
  const zero = '0s'
  const { options, document, process } = readConfiguration({
    authentication: { anonymous: { enabled: false }, webhook: { cacheTTL: zero, enabled: true }, x509: { clientCAFile: '/etc/kubernetes/pki/ca.crt' } },
    authorization: { mode: 'Webhook', webhook: { cacheAuthorizedTTL: zero, cacheUnauthorizedTTL: zero } }, cgroupDriver: 'systemd', clusterDNS: ['10.96.0.10'],
    clusterDomain: 'cluster.local', containerRuntimeEndpoint: '', cpuManagerReconcilePeriod: zero, crashLoopBackOff: {}, evictionPressureTransitionPeriod: zero,
    fileCheckFrequency: zero, healthzBindAddress: '127.0.0.1', healthzPort: 10248, httpCheckFrequency: zero, imageMaximumGCAge: zero, imageMinimumGCAge: zero,
    logging: { flushFrequency: 0, options: { json: { infoBufferSize: '0' } }, verbosity: 0 }, memorySwap: {}, nodeStatusReportFrequency: zero, nodeStatusUpdateFrequency: zero,
    rotateCertificates: true, runtimeRequestTimeout: zero, shutdownGracePeriod: zero, shutdownGracePeriodCriticalPods: zero, staticPodPath: '/etc/kubernetes/manifests',
    streamingConnectionIdleTimeout: zero, syncFrequency: zero, volumeStatsAggPeriod: zero, imagePullCredentialsVerificationPolicy: '', userNamespaces: {},
  })
  expect(options).toMatchObject({
    syncFrequency: 60_000, nodeStatusUpdateFrequency: 10_000, nodeStatusReportFrequency: 300_000, imageMinimumGCAge: 120_000, fileCheckFrequency: 20_000,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock', staticPodPath: '/etc/kubernetes/manifests', shutdown: [], maxContainerRestartPeriod: 300_000,
  })
  expect(process).toEqual({ rotateCertificates: true, serverTLSBootstrap: false, failSwapOn: true, oomScoreAdj: -999 })
  expect(unknownFields(document)).toEqual([])
})

test('one that says how often it looks at the node tells as often; parallel pulls are not one by one', () => {
  expect(withDefaults({ nodeStatusUpdateFrequency: '4s' })).toMatchObject({ nodeStatusReportFrequency: '4s' })
  expect(withDefaults({ maxParallelImagePulls: 3 })).toMatchObject({ serializeImagePulls: false })
  expect(withDefaults({ serializeImagePulls: false, healthzPort: 0, imageGCHighThresholdPercent: 0 })).toMatchObject({ serializeImagePulls: false, healthzPort: 0, imageGCHighThresholdPercent: 0 })
})

test('eviction settings replace the defaults unless they are to be merged', () => {
  expect(readConfiguration({ evictionHard: { 'memory.available': '1Gi' } }).options.evictionHard).toEqual({ 'memory.available': '1Gi' })
  expect(readConfiguration({ evictionHard: { 'memory.available': '1Gi' }, mergeDefaultEvictionSettings: true }).options.evictionHard).toMatchObject({ 'memory.available': '1Gi', 'nodefs.available': '10%' })
  expect(readConfiguration({}).options.evictionHard).toBeUndefined()
})

test('drop-ins are merged as RFC 7386 says', () => {
  expect(mergeDocuments({ a: 1, b: { c: 1, d: 2 }, l: [1, 2] }, { a: null, b: { c: 3 }, l: [3], n: {} })).toEqual({ b: { c: 3, d: 2 }, l: [3], n: {} })
})

test.each([
  [{ syncFrequency: 'soon' }, 'syncFrequency: time: invalid duration "soon"'],
  [{ maxPods: '20' }, 'maxPods: expected number'],
  [{ authentication: { anonymous: { enabled: 1 } } }, 'authentication.anonymous.enabled: expected bool'],
  [{ cgroupDriver: 'other' }, 'cgroupDriver: "other" is not supported: there are no others; supported: "cgroupfs", "systemd"'],
  [{ cpuManagerPolicy: 'x' }, 'invalid configuration: unknown policy: "x"'],
  [{ topologyManagerPolicy: 'x' }, 'invalid configuration: topologyManagerPolicy (--topology-manager-policy) "x" must be one of: ["none" "best-effort" "restricted" "single-numa-node"]'],
  [{ reservedSystemCPUs: '3-1' }, 'invalid configuration: unable to parse reservedSystemCPUs (--reserved-cpus) 3-1, error: invalid range "3-1" (3 > 1)'],
  [{ reservedMemory: [{ numaNode: 0, limits: { memory: '0' } }] }, 'invalid configuration: reserved memory may not be zero for NUMA node 0 and resource "memory"'],
  [{ port: 70_000 }, 'invalid configuration: port (--port) 70000 must be between 1 and 65535, inclusive'],
  [{ imageGCLowThresholdPercent: 90 }, 'imageGCLowThresholdPercent (--image-gc-low-threshold) 90 must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) 85'],
  [{ maxPods: -1, eventBurst: -1 }, '[invalid configuration: eventBurst (--event-burst) -1 must not be a negative number, invalid configuration: maxPods (--max-pods) -1 must not be a negative number]'],
  [{ enforceNodeAllocatable: ['pods', 'pods'] }, 'duplicated enforcements "pods" in enforceNodeAllocatable (--enforce-node-allocatable)'],
  [{ enforceNodeAllocatable: ['kube-reserved'] }, 'kubeReservedCgroup (--kube-reserved-cgroup) must be specified when'],
  [{ cgroupsPerQOS: false }, 'cgroupsPerQOS (--cgroups-per-qos) must be set to true when "pods" contained in enforceNodeAllocatable'],
  [{ shutdownGracePeriod: '500ms' }, 'shutdownGracePeriod {500ms} must be either zero or otherwise >= 1 sec'],
  [{ containerLogMaxFiles: 1 }, 'containerLogMaxFiles must be greater than 1'],
  [{ podLogsDir: '/var/log/pods/' }, 'pod logs path "/var/log/pods/" must be normalized'],
  [{ cpuCFSQuotaPeriod: '2s' }, 'cpuCFSQuotaPeriod (--cpu-cfs-quota-period) {2s} must be between 1ms and 1sec, inclusive'],
  [{ userNamespaces: { idsPerPod: 0 } }, 'userNamespaces.idsPerPod must not be less than 65536'],
  [{ hairpinMode: 'x' }, 'option "x" specified for hairpinMode (--hairpin-mode). Valid options are "none", "hairpin-veth" or "promiscuous-bridge"'],
  [{ imagePullCredentialsVerificationPolicy: 'x' }, 'Valid options are "NeverVerify", "NeverVerifyPreloadedImages", "NeverVerifyAllowlistedImages" or "AlwaysVerify"'],
  [{ preloadedImagesVerificationAllowlist: ['a'] }, "can't set `preloadedImagesVerificationAllowlist`"],
  [{ memoryThrottlingFactor: 0 }, 'memoryThrottlingFactor 0 must be greater than 0'],
  [{ memoryReservationPolicy: 'TieredReservation' }, 'memoryReservationPolicy "TieredReservation" requires MemoryQoS feature gate to be enabled'],
  [{ registerWithTaints: [{ key: 'k', effect: 'Other' }] }, 'invalid taint: {k  Other <nil>}'],
  [{ crashLoopBackOff: { maxContainerRestartPeriod: '10m' } }, 'CrashLoopBackOff.MaxContainerRestartPeriod (got: 600 seconds) must be set between 1s and 300s'],
])('%j is refused', (document, text) => expect(() => readConfiguration(document)).toThrow(text))

test('a file says what it is', () => {
  expect(() => checkKind({ kind: 'KubeletConfiguration' })).toThrow('no apiVersion/kind')
  expect(() => checkKind({ apiVersion: 'v1', kind: 'Pod' })).toThrow('no kind "Pod" is registered for version "v1"')
  expect(checkKind(null)).toEqual({})
  expect(unknownFields({ apiVersion: 'x', newer: 1, authentication: { x509: { other: 1 } }, logging: { any: 1 } })).toEqual(['newer', 'authentication.x509.other'])
})
