/** The node agent: everything put together. Upstream: pkg/kubelet/kubelet.go. */
import { orAborted } from '../base/abort.ts'
import type { Component, Env } from '../base/env.ts'
import { createMetrics } from '../base/metrics.ts'
import type { Node, PersistentVolumeClaim, Pod, PodStatus, Service } from '../api/generated/types/core-v1.ts'
import type { RuntimeClass } from '../api/generated/types/node-v1.ts'
import { nodes, pods, runtimeClasses, secrets, serviceAccounts, services } from '../api/generated/resources.ts'
import type { Resource } from '../api/meta/object.ts'
import { formatTime } from '../api/meta/time.ts'
import type { Client } from '../client/client.ts'
import { createEventRecorder } from '../client/events.ts'
import { SharedInformer } from '../client/informer.ts'
import { admitPod } from './admission.ts'
import { createAllocationManager } from './allocation/manager.ts'
import { openAllocationState } from './allocation/state.ts'
import { BackOff } from './back-off.ts'
import { type CgroupManager, cleanCgroupRoot, createCgroupManager } from './cgroups/manager.ts'
import { connectCri } from './cri/grpc.ts'
import { meteredCri } from './cri/metered.ts'
import { createRankedTurns, withTurns } from './cri/turns.ts'
import { type DeviceManager, createDeviceManager } from './devices/manager.ts'
import { type DraManager, createDraManager } from './dra/manager.ts'
import { type Guard, createGuard } from './guard.ts'
import type { Host } from './host/contract.ts'
import { createPowerWatch } from './host/power.ts'
import { systemHost } from './host/system.ts'
import { cleanUp } from './housekeeping.ts'
import { createImageManager } from './images/manager.ts'
import { type NodeAgent, createNodeAgent } from './node/agent.ts'
import { keptBack, podsMayHave } from './node/status.ts'
import { createObjectCache } from './objects.ts'
import { type KubeletOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { type Pleg, createPleg } from './pleg.ts'
import { containerFieldPath, podUid } from './pod.ts'
import { type PodSource, createPodSource } from './pod-source.ts'
import { createPodStore } from './pod-store.ts'
import { createPodSyncer } from './pod-syncer.ts'
import { createPluginWatcher } from './plugins/watcher.ts'
import { type PodWorkers, createPodWorkers } from './pod-workers.ts'
import { createPodCertificates, noPodCertificates } from './pod-certificates/manager.ts'
import { createProbeManager } from './probes/manager.ts'
import { connectCsi } from './rpc/csi.ts'
import { connectDra } from './rpc/dra.ts'
import { connectDevicePlugin, serveDeviceRegistration } from './rpc/devices.ts'
import { connectRegistration } from './rpc/registration.ts'
import { createHookRunner } from './runtime/hooks.ts'
import { createPodRuntime } from './runtime/pod-runtime.ts'
import { type ResourceSettings, oomTogether } from './runtime/resources.ts'
import { terminationMessageReader } from './runtime/termination-message.ts'
import { type KubeletServer, createKubeletServer } from './server/server.ts'
import { type StaticPodsResult, readStaticPods, staticPodsFromUrl } from './static-pods.ts'
import { type ShutdownManager, createShutdownManager } from './shutdown/manager.ts'
import { createStatusManager } from './status/manager.ts'
import { safeSysctls } from './sysctls.ts'
import { readMachine } from './topology/machine.ts'
import { type RunningContainer, type TopologyManager, createTopologyManager } from './topology/manager.ts'
import { type Csi, createCsi } from './volumes/csi/csi.ts'
import { createUserNamespaceManager } from './userns/manager.ts'
import { type VolumeManager, createVolumeManager } from './volumes/manager.ts'
import { createClaimReader } from './volumes/spec.ts'
import { type IssuedToken, createTokenCache } from './volumes/tokens.ts'
import { createTrustAnchors, noTrustAnchors } from './volumes/trust-bundles.ts'

/** Version of upstream's kubelet whose behaviour this one has. */
export const kubeletVersion = 'v1.36.3'

/** Steps of starts that the runtime is asked for at a time: more of them only get into each other's way. */
const turnsPerCpu = 3
const leastTurns = 6
/** Every so many rounds dead containers of living pods are looked at. */
const thoroughRounds = 30

/** A kubelet. `ready` resolves when its node is Ready in the API server. */
export function createKubelet(env: Env, client: Client, given: KubeletOptions): Component & { readonly port: () => number } {
  const { promise: ready, resolve: onReady } = Promise.withResolvers<void>()
  let running: Running | undefined
  return {
    name: 'kubelet',
    ready,
    port: () => running?.server?.port ?? 0,
    async start() {
      running = await startKubelet(env, client, resolveOptions(given), given)
      void running.agent.registered.then(onReady)
    },
    async stop() {
      await running?.stop()
    },
  }
}

interface Running {
  readonly agent: NodeAgent
  readonly server: KubeletServer | undefined
  stop(): Promise<void>
}

/** Events of the node and its pods as the kubelet's. */
function createEmitters(env: Env, client: Client, nodeName: string) {
  const recorder = createEventRecorder(env, client, { component: 'kubelet', host: nodeName })
  const podReference = (pod: Pod) => {
    const { name, namespace, uid, resourceVersion } = pod.metadata
    return { kind: 'Pod', apiVersion: 'v1', name, namespace, uid, resourceVersion }
  }
  return {
    pod: (pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string, annotations?: Readonly<Record<string, string>>) =>
      recorder.event(podReference(pod), type, reason, message, annotations),
    container: (pod: Pod, name: string, type: 'Normal' | 'Warning', reason: string, message: string) =>
      recorder.event({ ...podReference(pod), fieldPath: containerFieldPath(pod, name) }, type, reason, message),
    claim({ metadata: { name, namespace, uid, resourceVersion } }: PersistentVolumeClaim, reason: string, message: string) {
      recorder.event({ kind: 'PersistentVolumeClaim', apiVersion: 'v1', name, namespace, uid, resourceVersion }, 'Normal', reason, message)
    },
    node: (type: 'Normal' | 'Warning', reason: string, message: string) =>
      recorder.event({ kind: 'Node', name: nodeName, uid: nodeName, apiVersion: 'v1' }, type, reason, message),
  }
}

/** Informers of what a kubelet follows all the time. */
function createInformers(env: Env, client: Client, nodeName: string) {
  const own = new SharedInformer<Pod>(env, pods, { fieldSelector: `spec.nodeName=${nodeName}` })
  const node = new SharedInformer<Node>(env, nodes, { fieldSelector: `metadata.name=${nodeName}` })
  const service = new SharedInformer<Service>(env, services)
  return {
    own, node, service,
    start() {
      env.tasks.go('watch node', (signal) => node.run(client, signal))
      env.tasks.go('watch services', (signal) => service.run(client, signal))
      // Admission looks at the node: pods come after it.
      env.tasks.go('watch pods', async (signal) => {
        await orAborted(node.synced, signal)
        await own.run(client, signal)
      })
    },
  }
}

async function startKubelet(outer: Env, client: Client, options: ResolvedOptions, given: KubeletOptions): Promise<Running> {
  const env: Env = { ...outer, log: outer.log.child('kubelet') }
  const { clock, random, log, tasks } = env
  const host = given.host ?? systemHost()
  const connected = meteredCri(given.cri ?? connectCri(options.containerRuntimeEndpoint, options.imageServiceEndpoint), clock, env.metrics)
  env.metrics.gauge('kubelet_node_name', "The node's name. The count is always 1.", ['node']).set(1, { node: options.nodeName })
  const turns = createRankedTurns(clock, Math.max(leastTurns, turnsPerCpu * (await host.machine()).cpus))
  const cri = { ...connected, runtime: withTurns(connected.runtime, turns) }
  const kubeletStartedAt = clock.now()
  const podsDir = `${options.rootDir}/pods`
  const podDir = (uid: string) => `${podsDir}/${uid}`
  await host.files.makeDir(podsDir, 0o750)
  await host.files.makeDir(options.podLogsDir, 0o755)
  const emit = createEmitters(env, client, options.nodeName)
  const informers = createInformers(env, client, options.nodeName)
  let server: KubeletServer | undefined
  let volumes: VolumeManager | undefined
  let guard: Guard | undefined
  let shutdown: ShutdownManager | undefined
  let deviceCounts: DeviceManager['resources'] = () => new Map()
  const agent = await createNodeAgent({
    ...env, client, cri, host, options, kubeletVersion, kubeletPort: () => server?.port ?? options.server?.port ?? 10250, emitNode: emit.node,
    volumesInUse: () => volumes?.inUse() ?? [], pressures: () => guard?.eviction.conditions() ?? [],
    goingDown: () => shutdown?.isGoingDown() === true, devices: () => deviceCounts(),
  })
  const cgroups = options.cgroupsPerQOS ? await createCgroupManager({
    root: cleanCgroupRoot(options.cgroupRoot), driver: options.cgroupDriver, podPidsLimit: options.podPidsLimit,
    allocatable: options.enforceNodeAllocatable.includes('pods') ? podsMayHave(options, agent.machine()) : undefined,
  }) : undefined
  const node = () => informers.node.list()[0] ?? agent.node()
  const store = createPodStore()
  const images = createImageManager(clock, cri.images, { serializePulls: options.serializeImagePulls, maxParallelPulls: options.maxParallelImagePulls })
  const restartBackOff = new BackOff(clock, Math.min(10_000, options.maxContainerRestartPeriod), options.maxContainerRestartPeriod)
  let topology: TopologyManager | undefined
  const resources: ResourceSettings = {
    cpuCfsQuota: options.cpuCFSQuota, cpuCfsPeriod: options.cpuCFSQuotaPeriod * 1000, memoryCapacity: agent.machine().memoryBytes,
    oomTogether: oomTogether(options.singleProcessOOMKill, cgroups?.memoryVersion),
    exclusiveCpus: (pod, container) => topology?.hasExclusive(pod, container) === true,
    ...(cgroups?.swapVersion === undefined ? {} : { swap: { behavior: options.swapBehavior, version: cgroups.swapVersion, swapBytes: agent.machine().swapBytes } }),
  }
  const downward = (podIps: readonly string[]) => ({ hostIps: options.nodeIps, podIps, allocatable: node()?.status?.allocatable ?? {} })
  const allocated = await openAllocationState(host.files, log, `${options.rootDir}/allocated_pods_state`)
  const actuated = await openAllocationState(host.files, log, `${options.rootDir}/actuated_pods_state`)
  const reportNow = () => {
    tasks.go('report conditions', () => agent.reportNow().catch((error: unknown) => log.warn('conditions were not sent', { error })))
  }
  let workers: PodWorkers | undefined
  const devices: DeviceManager = createDeviceManager({
    ...env, files: host.files, dir: `${options.rootDir}/device-plugins`, connect: connectDevicePlugin, serve: serveDeviceRegistration,
    onChange(uids) {
      reportNow()
      for (const uid of uids) workers?.resync(uid)
    },
  })
  deviceCounts = () => devices.resources()
  topology = await createTopologyManager({
    clock, log, files: host.files, dir: options.rootDir, settings: options.topology, keptBack: keptBack(options, agent.machine()), devices: devices.provider,
    machine: () => readMachine(host.files, agent.machine()), updateContainer: (id, linux) => cri.runtime.updateContainerResources(id, linux),
  })
  const claims: DraManager = createDraManager({
    ...env, client, files: host.files, nodeName: options.nodeName, connect: connectDra, stateFile: `${options.rootDir}/dra_manager_state.json`,
    healthFile: `${options.rootDir}/dra_health_state`,
    onHealth(uids) {
      for (const uid of uids) workers?.resync(uid)
    },
  })
  const users = createUserNamespaceManager({
    files: host.files, podsDir, idsPerPod: options.idsPerPod, maxPods: options.maxPods,
    supports: async (handler) => (await cri.runtime.status()).handlers.some(({ name, features }) => name === handler && features?.userNamespaces === true),
  })
  const podRuntime = createPodRuntime({
    resize: { runtime: cri.runtime, cgroups, actuated, resources },
    clock, random, log, cri, host, images, hooks: createHookRunner(clock, cri.runtime, host.network), restartBackOff,
    readMessage: terminationMessageReader(host.files), emit: emit.container, emitPod: emit.pod, devices: (pod, container) => devices.allocation(pod, container),
    confine: (pod, container) => topology.confine(pod, container), confined: (pod, container) => topology.started(pod, container),
    runtimeName: () => agent.runtimeName(), users, claimedDevices: (pod, container) => claims.devices(pod, container),
  }, runtimeSettings(client, options, host, cgroups, resources, podDir, downward))
  let pleg: Pleg | undefined
  const status = createStatusManager({
    clock, log, tasks, client, apiPod: (uid) => store.apiPod(uid), couldHaveRunningContainers: (uid) => workers!.couldHaveRunningContainers(uid),
  })
  let source: PodSource | undefined
  const resyncAll = () => {
    for (const { uid } of workers!.list()) workers!.resync(uid)
  }
  const sysctls = [...safeSysctls(agent.kernelVersion()), ...options.allowedUnsafeSysctls]
  /** All pods of all sources are known: what others hold is nobody's. */
  let sourcesRead = false
  const admit = (pod: Pod, others: readonly Pod[]) => {
    if (sourcesRead) topology.keep([...others, pod])
    return guard?.eviction.admit(pod) ?? shutdown?.admit() ?? admitPod({ pod, node: node(), others, sysctls }) ?? topology.admit(pod)
  }
  const allocation = createAllocationManager({
    clock, log, tasks, allocated, actuated, activePods: () => source!.activePods(), pod: (uid) => store.get(uid), emit: emit.pod,
    admit, admitResize: (pod, before) => topology.admitResize(pod, before), resync: (uid) => workers!.resync(uid),
  })
  const probeMetrics = createMetrics()
  const probes = createProbeManager({
    ...env, metrics: probeMetrics, runtime: cri.runtime, network: host.network, emit: emit.container, kubeletStartedAt, status: (uid) => status.get(uid),
    onResult: (uid) => workers!.resync(uid),
  })
  const objects = createObjectCache(env, client, (uid) => workers!.resync(uid))
  const csi: Csi = createCsi({
    ...env, client, host, connect: given.connect?.csi ?? connectCsi, rootDir: options.rootDir, nodeName: options.nodeName, node,
    requestToken: (pod, spec) => requestToken(client, pod, spec), emit: emit.pod, emitClaim: emit.claim,
    onRegistered: resyncAll,
  })
  volumes = createVolumeManager({
    files: host.files, mounts: host.mounts, run: host.run, log, clock, random, podDir, rootDir: options.rootDir,
    persistent: { csi, follow: createClaimReader(client), node, reportInUse: () => agent.reportInUse(), secret: secretReader(client) },
  })
  informers.node.addHandler({
    update(next, old) {
      if (next.status?.volumesAttached !== old.status?.volumesAttached) for (const uid of volumes!.waiting()) workers!.resync(uid)
    },
  })
  const tokens = createTokenCache(clock, random, (pod, spec) => requestToken(client, pod, spec))
  const nodeRef = () => (node() === undefined ? undefined : { name: options.nodeName, uid: node()!.metadata.uid! })
  const trustAnchors = options.feature('ClusterTrustBundleProjection') ? createTrustAnchors(env, client) : noTrustAnchors
  const certificates = !options.feature('PodCertificateRequest') ? noPodCertificates :
    createPodCertificates({ ...env, client, node: nodeRef, emit: emit.pod, onChange: (uid) => workers!.resync(uid) })
  const syncer = createPodSyncer({
    ...env, client, store, runtime: podRuntime, pleg: () => pleg!, probes, status, volumes, tokens, objects, images, restartBackOff, cgroups, allocation, users, claims, devices,
    files: host.files, resources, hostIps: options.nodeIps, kubeletStartedAt, podDir, downward, emit: emit.pod,
    node: nodeRef, trustAnchors, certificates,
    networkErrors: () => agent.networkErrors(), services: () => informers.service.list(), servicesSynced: (signal) => orAborted(informers.service.synced, signal),
  })
  workers = createPodWorkers(clock, log, tasks, syncer, { syncFrequencyMs: options.syncFrequency, backOffMs: 10_000, random: () => random.next() })
  pleg = createPleg({ clock, log, tasks, metrics: env.metrics, runtime: cri.runtime, periodMs: options.relistPeriod, onChange: (uid) => workers!.resync(uid), onRecovered: resyncAll })
  source = createPodSource({ log, store, workers, status, allocation, admit, emit: emit.pod, preempt: (pod) => guard!.preempt(pod) })
  const housekeeping = {
    clock, log, store, workers, pleg, runtime: cri.runtime, quiet: (limitMs: number) => turns.quiet(limitMs), podRuntime, status, allocation, users, volumes, cgroups, files: host.files, podsDir,
    podLogsDir: options.podLogsDir, containerLogsDir: options.containerLogsDir,
  }
  guard = createGuard({
    ...env, cri, host, options, workers: () => workers!, activePods: () => source!.activePods(), removeDeadContainers: () => cleanUp(housekeeping, true),
    emitPod: emit.pod, emitNode: emit.node,
    onConditions: reportNow,
  })
  shutdown = createShutdownManager({
    clock, log, periods: options.shutdown, power: createPowerWatch(), activePods: () => source!.activePods(), kill: (pod, kill) => workers!.update({ pod, kill }),
    isGone: (uid) => ['finished', undefined].includes(workers!.phase(uid)), emitNode: emit.node, onChange: reportNow,
  })
  if (options.server !== undefined) {
    server = await createKubeletServer({ ...env, client, cri, host, options, server: options.server, store, status, pleg, node, probeMetrics })
  }
  await volumes.restore()
  await devices.start()
  await claims.start()
  agent.start()
  csi.start(agent.registered)
  const plugins = createPluginWatcher({
    clock, log, files: host.files, connect: given.connect?.registration ?? connectRegistration, dir: `${options.rootDir}/plugins_registry`,
    handlers: { CSIPlugin: csi.handler, DevicePlugin: devices.handler, DRAPlugin: claims.handler },
  })
  tasks.go('plugins', async (signal) => {
    await orAborted(agent.registered, signal)
    await plugins.run(signal)
  })
  informers.start()
  pleg.start()
  allocation.start()
  source.follow(informers.own)
  const staticRead = followStaticPods(env, host, options, (found) => source!.setStatic(found))
  guard.start()
  tasks.go('shutdown', (signal) => shutdown!.run(signal))
  tasks.go('housekeeping', async (signal) => {
    await orAborted(Promise.all([informers.own.synced, staticRead]), signal)
    for (let round = 1; !signal.aborted; round++) {
      sourcesRead = true
      await clock.sleep(options.housekeepingPeriod, signal)
      if (pleg!.lastRelist() === undefined) continue
      try {
        await cleanUp(housekeeping, round % thoroughRounds === 0)
        const active = source!.activePods()
        devices.keep(new Set(active.map(podUid)))
        topology.keep(active)
        for (const uid of claims.holders()) if (store.get(uid) === undefined && workers!.phase(uid) === undefined) await claims.unprepare(uid)
        await cgroups?.updateQos(store.list().map((pod) => allocation.granted(pod)))
      } catch (error) {
        log.warn('housekeeping failed', { error })
      }
    }
  })
  if (options.topology.cpuPolicy !== 'none') {
    tasks.go('CPU sets', async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(options.cpuManagerReconcilePeriod, signal)
        await topology.reconcile(runningContainers(source!.activePods(), (uid) => status.get(uid)))
      }
    })
  }
  return {
    agent, server,
    async stop() {
      await server?.close()
      await Promise.all([devices.stop(), topology.saved()])
      await workers!.stop()
      await Promise.all([allocated.flush(), actuated.flush()])
      if (given.cri === undefined) cri.close()
    },
  }
}

/** Those that the status of their pods says run. */
function runningContainers(active: readonly Pod[], status: (uid: string) => PodStatus | undefined): RunningContainer[] {
  return active.flatMap((pod) => {
    const { initContainerStatuses = [], containerStatuses = [] } = status(podUid(pod)) ?? {}
    return [...initContainerStatuses, ...containerStatuses].flatMap(({ name, containerID = '', state }) =>
      state?.running === undefined || containerID === '' ? [] : [{ uid: podUid(pod), name, id: containerID.slice(containerID.indexOf('://') + 3) }])
  })
}

function runtimeSettings(
  client: Client, options: ResolvedOptions, host: Host, cgroups: CgroupManager | undefined, resources: ResourceSettings,
  podDir: (uid: string) => string, downward: (ips: readonly string[]) => { hostIps: readonly string[]; podIps: readonly string[]; allocatable: Record<string, string | number> },
) {
  return {
    podLogsDir: options.podLogsDir, containerLogsDir: options.containerLogsDir, clusterDomain: options.clusterDomain, resources,
    security: { seccompRoot: `${options.rootDir}/seccomp`, seccompDefault: options.seccompDefault },
    podDir, downward,
    cgroupParent: (pod: Pod) => cgroups?.parentOf(pod),
    async runtimeHandler(pod: Pod) {
      const name = pod.spec!.runtimeClassName
      if (name === undefined || name === '') return ''
      const found = await client.get<RuntimeClass>(runtimeClasses, { name })
      return found.handler
    },
    dns: async () => ({
      clusterDns: options.clusterDNS, clusterDomain: options.clusterDomain,
      hostResolvConf: options.resolvConf === '' ? undefined : await host.files.readText(options.resolvConf),
    }),
  }
}

/** Values of a secret as text. */
const secretReader = (client: Client) => async (namespace: string, name: string): Promise<Record<string, string>> => {
  const { data = {} } = await client.get(secrets, { namespace, name })
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]))
}

async function requestToken(client: Client, pod: Pod, spec: { audiences: readonly string[]; expirationSeconds: number }): Promise<IssuedToken> {
  const { name, uid, namespace } = pod.metadata
  const body = {
    apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest',
    spec: { audiences: spec.audiences, expirationSeconds: spec.expirationSeconds, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } },
  }
  const account = { namespace, name: pod.spec!.serviceAccountName ?? 'default' }
  const { status } = await client.createSubresource<{ status: IssuedToken }>(serviceAccounts as unknown as Resource, account, 'token', body)
  return status
}

/** Resolves when all sources of static pods were asked once. */
function followStaticPods(env: Env, host: Host, options: ResolvedOptions, set: (pods: readonly Pod[]) => void): Promise<unknown> {
  const found = new Map<string, readonly Pod[]>()
  const follow = (source: string, everyMs: number, read: () => Promise<StaticPodsResult>): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    env.tasks.go(`static pods from ${source}`, async (signal) => {
      while (!signal.aborted) {
        try {
          const { pods: own, errors } = await read()
          for (const { file, error } of errors) env.log.error('static pod was not read', { file, error })
          found.set(source, own)
          set([...found.values()].flat())
        } catch (error) {
          // Whoever serves them may be away: those that are known stay.
          env.log.warn('static pods were not read', { source, error })
        }
        resolve()
        await env.clock.sleep(everyMs, signal)
      }
    })
    return promise
  }
  const { staticPodPath: path = '', staticPodURL: url = '', nodeName } = options
  const now = () => formatTime(env.clock.now())
  return Promise.all([
    ...(path === '' ? [] : [follow('file', options.fileCheckFrequency, () => readStaticPods(host.files, path, nodeName, now()))]),
    ...(url === '' ? [] : [follow('http', options.httpCheckFrequency, async () => staticPodsFromUrl(await host.network.fetchText(url, options.staticPodURLHeader), url, nodeName, now()))]),
  ])
}
