/** Random worlds in which a pod looks for a node: every field that a plugin reads varies, with values that meet often. */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodAffinityTerm, PodSpec, Volume } from '../../src/api/generated/types/core-v1.ts'
import { type Devices, noDevices, randomDevices } from './random-devices.ts'
import { Dice } from './dice.ts'
import type { SchedulerProfile } from '../../src/scheduler/config/types.ts'
import type { KubeObject } from '../../src/api/meta/object.ts'

export interface RandomWorld extends Devices {
  readonly nodes: readonly Node[]
  readonly pods: readonly Pod[]
  readonly pod: Pod
  readonly namespaces: readonly KubeObject[]
  readonly services: readonly KubeObject[]
  readonly replicaSets: readonly KubeObject[]
  readonly volumes: readonly KubeObject[]
  readonly claims: readonly KubeObject[]
  readonly classes: readonly KubeObject[]
  readonly csiNodes: readonly KubeObject[]
  readonly csiDrivers: readonly KubeObject[]
  readonly capacities: readonly KubeObject[]
  readonly attachments: readonly KubeObject[]
  /** Arguments of plugins that are not the default ones. */
  readonly profile?: SchedulerProfile
}

const zones = ['a', 'b', 'c']
const apps = ['web', 'db', 'cache']
const namespaceNames = ['default', 'one', 'two']
const images = ['registry.example/web:1', 'registry.example/db:2', 'plain']
const maybe = <T>(dice: Dice, share: number, make: () => T): T | undefined => (dice.chance(share) ? make() : undefined)

/** JSON drops what is undefined, so that both sides read the same. */
export function randomWorld(seed: number): RandomWorld {
  const dice = new Dice(seed)
  const nodes = Array.from({ length: 1 + dice.below(10) }, (_, i) => node(dice, i))
  const names = nodes.map(({ metadata }) => metadata.name!)
  const storage = dice.chance(0.35) ? randomStorage(dice, names) : noStorage
  const claims = storage.claims.filter(({ metadata }) => metadata.namespace === 'default').map(({ metadata }) => metadata.name!)
  const pods = dice.times(24, (i) => ({ ...pod(dice, `p${i}`, claims), i })).map(({ i, ...each }) => placed(dice, each, names, i))
  const incoming = pod(dice, 'incoming', claims)
  const devices = dice.chance(0.35) ? randomDevices(dice, names, ['incoming', ...pods.map(({ metadata }) => metadata.name!)]) : noDevices
  if (devices !== noDevices && incoming.metadata.namespace === 'default') claimDevices(dice, incoming)
  const world = {
    nodes, pods, pod: incoming,
    namespaces: namespaceNames.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: dice.chance(0.6) ? { team: dice.pick(['x', 'y']) } : undefined } })),
    services: dice.times(2, (i) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: `s${i}`, namespace: dice.pick(namespaceNames) }, spec: { selector: { app: dice.pick(apps) } } })),
    replicaSets: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'rs', namespace: 'default', uid: 'rs-uid' }, spec: { selector: { matchLabels: { app: dice.pick(apps) } } } }],
    ...storage, ...devices, profile: maybe(dice, 0.4, () => profile(dice)),
  }
  return JSON.parse(JSON.stringify(world)) as RandomWorld
}

/** Gives the pod claims of devices, some made from a template for it or not made yet. */
function claimDevices(dice: Dice, { spec, status }: Pod): void {
  const entries = Array.from({ length: 1 + dice.below(2) }, (_, i) => ({ name: `c${i}`, claim: `rc${dice.below(6)}` }))
  if (entries[1]?.claim === entries[0]!.claim) entries.pop()
  spec!.resourceClaims = entries.map(({ name, claim }) => (dice.chance(0.03) ? { name, resourceClaimTemplateName: 'template' } : { name, resourceClaimName: dice.chance(0.03) ? 'missing' : claim }))
  if (dice.chance(0.5)) status!.resourceClaimStatuses = [{ name: 'c0', ...(dice.chance(0.5) ? { resourceClaimName: 'rc0' } : {}) }]
}

function profile(dice: Dice): SchedulerProfile {
  const resources = dice.pick([undefined, [{ name: 'cpu', weight: 1 }, { name: 'example.com/gpu', weight: 3 }], [{ name: 'memory', weight: 2 }, { name: 'cpu', weight: 5 }]])
  const shape = dice.pick([[{ utilization: 0, score: 0 }, { utilization: 100, score: 10 }], [{ utilization: 10, score: 8 }, { utilization: 55, score: 3 }, { utilization: 90, score: 10 }]])
  const type = dice.pick(['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'])
  const scoringStrategy = { type, resources, requestedToCapacityRatio: type === 'RequestedToCapacityRatio' ? { shape } : undefined }
  const balanced = dice.pick([undefined, [{ name: 'cpu', weight: 1 }, { name: 'memory', weight: 1 }, { name: 'example.com/gpu', weight: 1 }]])
  const constraint = { maxSkew: 1 + dice.below(2), topologyKey: dice.pick(topologyKeys), whenUnsatisfiable: dice.pick(['DoNotSchedule', 'ScheduleAnyway']) }
  const ssd = [{ key: 'disk', operator: 'In', values: ['ssd'] }]
  return {
    schedulerName: 'default-scheduler',
    pluginConfig: [
      { name: 'NodeResourcesFit', args: { scoringStrategy, ignoredResources: maybe(dice, 0.2, () => ['example.com/gpu']) } },
      { name: 'NodeResourcesBalancedAllocation', args: { resources: balanced } },
      { name: 'InterPodAffinity', args: { hardPodAffinityWeight: dice.below(101), ignorePreferredTermsOfExistingPods: dice.chance(0.5) } },
      { name: 'PodTopologySpread', args: dice.chance(0.5) ? { defaultingType: 'List', defaultConstraints: [constraint] } : {} },
      { name: 'NodeAffinity', args: maybe(dice, 0.3, () => ({ addedAffinity: dice.pick([
        { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: ssd }] } },
        { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 7, preference: { matchExpressions: ssd } }] },
      ]) })) ?? {} },
    ],
    plugins: maybe(dice, 0.3, () => ({ multiPoint: { enabled: [{ name: 'ImageLocality', weight: 1 + dice.below(5) }] }, score: { disabled: [{ name: 'TaintToleration' }] } })),
  } as SchedulerProfile
}

function node(dice: Dice, i: number): Node {
  const name = `node-${i}`
  const labels: Record<string, string> = dice.chance(0.95) ? { 'kubernetes.io/hostname': name } : {}
  if (dice.chance(0.85)) labels['topology.kubernetes.io/zone'] = dice.pick(zones)
  if (dice.chance(0.4)) labels['topology.kubernetes.io/region'] = dice.pick(['r1', 'r2'])
  if (dice.chance(0.5)) labels['disk'] = dice.pick(['ssd', 'hdd'])
  if (dice.chance(0.3)) labels['size'] = String(dice.below(5))
  const taint = () => ({ key: dice.pick(['k1', 'k2', 'node.kubernetes.io/unschedulable']), value: dice.pick(['v1', 'v2', '']), effect: dice.pick(['NoSchedule', 'PreferNoSchedule', 'NoExecute']) })
  return {
    apiVersion: 'v1', kind: 'Node', metadata: { name, labels, uid: `uid-${name}` },
    spec: { unschedulable: maybe(dice, 0.1, () => true), taints: maybe(dice, 0.3, () => dice.times(2, taint)) },
    status: {
      allocatable: {
        cpu: dice.pick(['1', '2', '4', '500m', '3900m']), memory: dice.pick(['1Gi', '2Gi', '4Gi', '7890Mi']), pods: dice.pick(['3', '5', '110', '110', '110']),
        ...(dice.chance(0.3) ? { 'ephemeral-storage': '10Gi' } : {}), ...(dice.chance(0.4) ? { 'example.com/gpu': dice.pick(['1', '4']) } : {}),
      },
      images: maybe(dice, 0.5, () => dice.some(images, 0.5).map((image) => ({ names: [image.includes(':') ? image : `${image}:latest`], sizeBytes: dice.pick([10, 50, 300, 900, 2000]) * 1048576 }))),
      declaredFeatures: maybe(dice, 0.3, () => ['RestartAllContainersOnContainerExits']),
    },
  }
}

function selector(dice: Dice): object | undefined {
  return dice.pick([
    undefined, {}, { matchLabels: { app: dice.pick(apps) } }, { matchLabels: { app: dice.pick(apps), tier: dice.pick(['f', 'b']) } },
    { matchExpressions: [{ key: 'app', operator: dice.pick(['In', 'NotIn']), values: dice.some(apps, 0.7).concat('other') }] },
    { matchExpressions: [{ key: dice.pick(['app', 'tier']), operator: dice.pick(['Exists', 'DoesNotExist']) }] },
  ])
}

const topologyKeys = ['kubernetes.io/hostname', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region', 'disk']

function term(dice: Dice): PodAffinityTerm {
  return {
    topologyKey: dice.pick(topologyKeys), labelSelector: selector(dice) as PodAffinityTerm['labelSelector'],
    namespaces: maybe(dice, 0.25, () => dice.some(namespaceNames, 0.5)),
    namespaceSelector: maybe(dice, 0.2, () => dice.pick<PodAffinityTerm['namespaceSelector']>([{}, { matchLabels: { team: 'x' } }, { matchExpressions: [{ key: 'team', operator: 'Exists' }] }])),
    matchLabelKeys: maybe(dice, 0.05, () => ['tier']), mismatchLabelKeys: undefined,
  } as PodAffinityTerm
}

function nodeRequirement(dice: Dice): NodeSelectorRequirement {
  return dice.pick<NodeSelectorRequirement>([
    { key: 'disk', operator: dice.pick(['In', 'NotIn']), values: [dice.pick(['ssd', 'hdd'])] },
    { key: 'topology.kubernetes.io/zone', operator: 'In', values: dice.some(zones, 0.6).concat('z') },
    { key: dice.pick(['disk', 'size']), operator: dice.pick(['Exists', 'DoesNotExist']) },
    { key: 'size', operator: dice.pick(['Gt', 'Lt']), values: [String(dice.below(5))] },
  ])
}

function nodeTerm(dice: Dice): NodeSelectorTerm {
  return {
    matchExpressions: maybe(dice, 0.9, () => [nodeRequirement(dice), ...dice.times(1, () => nodeRequirement(dice))]),
    matchFields: maybe(dice, 0.1, () => [{ key: 'metadata.name', operator: dice.pick(['In', 'In', 'NotIn']), values: [`node-${dice.below(6)}`] }]),
  }
}

function affinity(dice: Dice): PodSpec['affinity'] {
  const weighted = () => ({ weight: 1 + dice.below(100), podAffinityTerm: term(dice) })
  const podTerms = (share: number) => maybe(dice, share, () => ({
    requiredDuringSchedulingIgnoredDuringExecution: maybe(dice, 0.5, () => [term(dice), ...dice.times(1, () => term(dice))]),
    preferredDuringSchedulingIgnoredDuringExecution: maybe(dice, 0.5, () => dice.times(2, weighted)),
  }))
  return {
    nodeAffinity: maybe(dice, 0.4, () => ({
      requiredDuringSchedulingIgnoredDuringExecution: maybe(dice, 0.5, () => ({ nodeSelectorTerms: [nodeTerm(dice), ...dice.times(1, () => nodeTerm(dice))] })),
      preferredDuringSchedulingIgnoredDuringExecution: maybe(dice, 0.6, () => dice.times(3, () => ({ weight: 1 + dice.below(100), preference: nodeTerm(dice) }))),
    })),
    podAffinity: podTerms(0.4), podAntiAffinity: podTerms(0.4),
  }
}

function toleration(dice: Dice) {
  const exists = dice.chance(0.4)
  return {
    key: maybe(dice, 0.9, () => dice.pick(['k1', 'k2', 'node.kubernetes.io/unschedulable'])), operator: exists ? 'Exists' : dice.pick(['Equal', undefined]),
    value: exists ? undefined : dice.pick(['v1', 'v2', '']), effect: dice.pick(['NoSchedule', 'PreferNoSchedule', 'NoExecute', undefined]),
  }
}

function container(dice: Dice, i: number) {
  const requests: Record<string, string> = {}
  if (dice.chance(0.7)) requests['cpu'] = dice.pick(['100m', '250m', '1', '2', '333m'])
  if (dice.chance(0.6)) requests['memory'] = dice.pick(['64Mi', '500Mi', '1Gi', '3Gi', '123456789'])
  if (dice.chance(0.1)) requests['ephemeral-storage'] = dice.pick(['1Gi', '20Gi'])
  if (dice.chance(0.12)) requests['example.com/gpu'] = dice.pick(['1', '2'])
  return {
    name: `c${i}`, image: dice.pick(images), resources: { requests },
    ports: maybe(dice, 0.2, () => [{ containerPort: 80, hostPort: dice.pick([80, 81]), hostIP: dice.pick([undefined, '10.0.0.1', '0.0.0.0']), protocol: dice.pick(['TCP', 'UDP']) }]),
  }
}

function volumes(dice: Dice, claims: readonly string[]): Volume[] | undefined {
  const out: Volume[] = claims.length > 0 && dice.chance(0.6) ? dice.times(2, (i) => ({ name: `v${i}`, persistentVolumeClaim: { claimName: dice.pick([...claims, ...claims, ...claims, 'missing']) } })) : []
  if (dice.chance(0.08)) out.push({ name: 'disk', gcePersistentDisk: { pdName: dice.pick(['d1', 'd2']), readOnly: maybe(dice, 0.5, () => true) } })
  if (dice.chance(0.05)) out.push({ name: 'ebs', awsElasticBlockStore: { volumeID: dice.pick(['e1', 'e2']) } })
  return out.length === 0 ? undefined : out
}

function pod(dice: Dice, name: string, claims: readonly string[]): Pod {
  const labels: Record<string, string> = {}
  if (dice.chance(0.8)) labels['app'] = dice.pick(apps)
  if (dice.chance(0.5)) labels['tier'] = dice.pick(['f', 'b'])
  const namespace = dice.chance(0.7) ? 'default' : dice.pick(namespaceNames)
  const spread = () => ({
    maxSkew: 1 + dice.below(3), topologyKey: dice.pick(topologyKeys), whenUnsatisfiable: dice.pick(['DoNotSchedule', 'ScheduleAnyway']), labelSelector: selector(dice),
    minDomains: undefined as number | undefined, nodeAffinityPolicy: dice.pick([undefined, 'Ignore', 'Honor']), nodeTaintsPolicy: dice.pick([undefined, 'Ignore', 'Honor']),
    matchLabelKeys: maybe(dice, 0.1, () => ['tier']),
  })
  const constraints = maybe(dice, 0.35, () => dice.times(2, () => {
    const constraint = spread()
    if (constraint.whenUnsatisfiable === 'DoNotSchedule' && dice.chance(0.3)) constraint.minDomains = 1 + dice.below(4)
    return constraint
  }))
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: {
      name, namespace, uid: `uid-${name}`, labels,
      ownerReferences: maybe(dice, 0.2, () => [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs-uid', controller: true }]),
    },
    spec: {
      schedulerName: 'default-scheduler', containers: [container(dice, 0), ...dice.times(1, () => container(dice, 1))],
      initContainers: maybe(dice, 0.15, () => [{ ...container(dice, 9), restartPolicy: maybe(dice, 0.5, () => 'Always') }]),
      overhead: maybe(dice, 0.05, () => ({ cpu: '50m' })), priority: dice.below(3),
      nodeSelector: maybe(dice, 0.12, () => ({ disk: dice.pick(['ssd', 'hdd']) })), tolerations: maybe(dice, 0.3, () => dice.times(2, () => toleration(dice))),
      affinity: maybe(dice, 0.45, () => affinity(dice)), topologySpreadConstraints: constraints as PodSpec['topologySpreadConstraints'],
      volumes: volumes(dice, namespace === 'default' ? claims : []),
    } as PodSpec,
    status: {},
  }
}

function placed(dice: Dice, each: Pod, names: readonly string[], i: number): Pod {
  return {
    ...each,
    metadata: { ...each.metadata, deletionTimestamp: maybe(dice, 0.1, () => '2026-01-01T00:00:00Z') },
    spec: { ...each.spec!, nodeName: dice.pick(names) }, status: { startTime: `2026-01-01T00:00:${String(i).padStart(2, '0')}Z` },
  }
}

type Storage = Pick<RandomWorld, 'volumes' | 'claims' | 'classes' | 'csiNodes' | 'csiDrivers' | 'capacities' | 'attachments'>
const noStorage: Storage = { volumes: [], claims: [], classes: [], csiNodes: [], csiDrivers: [], capacities: [], attachments: [] }

function randomStorage(dice: Dice, nodes: readonly string[]): Storage {
  const storage = 'storage.k8s.io/v1'
  const classes = ['late', 'now', 'provisioned'].map((name) => ({
    apiVersion: storage, kind: 'StorageClass', metadata: { name }, provisioner: name === 'provisioned' ? 'csi.example.com' : 'kubernetes.io/no-provisioner',
    volumeBindingMode: name === 'now' ? 'Immediate' : 'WaitForFirstConsumer',
    allowedTopologies: maybe(dice, 0.2, () => [{ matchLabelExpressions: [{ key: 'topology.kubernetes.io/zone', values: dice.some(zones, 0.6).concat('z') }] }]),
  }))
  const size = () => dice.pick(['1Gi', '5Gi', '10Gi'])
  const volumeList = Array.from({ length: 5 }, (_, i) => ({
    apiVersion: 'v1', kind: 'PersistentVolume',
    metadata: { name: `pv-${i}`, uid: `pv-${i}`, resourceVersion: '1', labels: maybe(dice, 0.4, () => ({ 'topology.kubernetes.io/zone': dice.pick(['a', 'b', 'a__b']) })) },
    spec: {
      capacity: { storage: size() }, accessModes: ['ReadWriteOnce'], storageClassName: dice.pick(['late', 'late', 'now']),
      ...(dice.chance(0.6) ? { csi: { driver: 'csi.example.com', volumeHandle: `h${i}` } } : { hostPath: { path: '/x' } }),
      nodeAffinity: maybe(dice, 0.5, () => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: dice.some(nodes, 0.5).concat('none') }] }] } })),
    },
    status: { phase: 'Available' },
  }))
  const claimList = Array.from({ length: 5 }, (_, i) => {
    const bound = dice.chance(0.5)
    return {
      apiVersion: 'v1', kind: 'PersistentVolumeClaim',
      metadata: {
        name: `c${i}`, namespace: 'default', uid: `c${i}`, resourceVersion: '1',
        annotations: bound ? { 'pv.kubernetes.io/bind-completed': 'yes' } : maybe(dice, 0.1, () => ({ 'volume.kubernetes.io/selected-node': dice.pick(nodes) })),
      },
      spec: {
        accessModes: [dice.pick(['ReadWriteOnce', 'ReadWriteOnce', 'ReadWriteOncePod'])], resources: { requests: { storage: size() } },
        storageClassName: dice.pick(['late', 'late', 'late', 'provisioned', 'now']), volumeName: bound ? dice.pick(['pv-0', 'pv-1', 'pv-2', 'pv-3', 'pv-9']) : undefined,
      },
      status: { phase: bound ? 'Bound' : 'Pending' },
    }
  })
  return {
    volumes: volumeList, claims: claimList, classes,
    csiNodes: dice.some(nodes, 0.7).map((name) => ({ apiVersion: storage, kind: 'CSINode', metadata: { name }, spec: { drivers: [{ name: 'csi.example.com', nodeID: name, allocatable: maybe(dice, 0.8, () => ({ count: dice.below(4) })) }] } })),
    csiDrivers: maybe(dice, 0.5, () => [{ apiVersion: storage, kind: 'CSIDriver', metadata: { name: 'csi.example.com' }, spec: { storageCapacity: dice.chance(0.7) } }]) ?? [],
    capacities: dice.times(3, (i) => ({
      apiVersion: storage, kind: 'CSIStorageCapacity', metadata: { name: `cap${i}`, namespace: 'default' }, storageClassName: 'provisioned', capacity: size(),
      nodeTopology: dice.pick([undefined, {}, { matchLabels: { 'topology.kubernetes.io/zone': dice.pick(zones) } }]),
    })),
    attachments: dice.times(3, (i) => ({
      apiVersion: storage, kind: 'VolumeAttachment', metadata: { name: `at${i}` },
      spec: { attacher: 'csi.example.com', nodeName: dice.pick(nodes), source: { persistentVolumeName: dice.pick(['pv-0', 'pv-1', 'pv-4']) } },
    })),
  } as unknown as Storage
}
