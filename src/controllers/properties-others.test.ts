import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Pod } from '../api/generated/types/core-v1.ts'
import {
  clusterRoles, configMaps, endpoints, endpointSlices, ipAddresses, jobs, leases, namespaces, nodes, persistentVolumeClaims, persistentVolumes, podGroups,
  pods, secrets, serviceAccounts, serviceCIDRs, services, storageVersions, volumeAttachments, volumeAttributesClasses,
} from '../api/generated/resources.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import { formatTime } from '../api/meta/time.ts'
import { bootstrapSignerController } from './bootstrap-signer/index.ts'
import { clusterRoleAggregationController } from './clusterrole-aggregation/index.ts'
import { endpointsController } from './endpoints/index.ts'
import { endpointSliceController } from './endpointslice/index.ts'
import { endpointSliceMirroringController } from './endpointslice-mirroring/index.ts'
import { ephemeralVolumeController } from './ephemeral-volume/index.ts'
import { attachDetachController } from './persistentvolume-attach-detach/index.ts'
import { pvProtectionController } from './persistentvolume-protection/index.ts'
import { podGroupProtectionController } from './podgroup-protection/index.ts'
import { rootCaPublisher } from './root-ca-certificate-publisher/index.ts'
import { serviceCIDRController } from './service-cidr/index.ts'
import { serviceAccountController } from './serviceaccount/index.ts'
import { storageVersionGarbageCollector } from './storageversion-garbage-collector/index.ts'
import { atNow, checkPlanned, foreign } from './testing/properties.ts'
import type { PureWorld } from './testing/world.ts'
import { tokenCleanerController } from './token-cleaner/index.ts'
import { ttlAfterFinishedController } from './ttl-after-finished/index.ts'
import { ttlController } from './ttl/index.ts'
import { vacProtectionController } from './volumeattributesclass-protection/index.ts'

const born = formatTime(atNow - 3_600_000)
const runs = 25
const inDefault = (name: string, more: Partial<KubeObject['metadata']> = {}) => ({ name, namespace: 'default', uid: `uid-of-${name}`, ...more })
const leaving = (is: boolean, finalizer = 'example.com/wait') => (is ? { deletionTimestamp: born, finalizers: [finalizer] } : {})

describe('services', () => {
  const podSeeds = fc.array(fc.record({ app: fc.constantFrom('x', 'y'), ready: fc.boolean(), leaving: fc.boolean(), address: fc.boolean() }), { maxLength: 7 })
  const podOf = (seed: { app: string; ready: boolean; leaving: boolean; address: boolean }, at: number): Pod => ({
    apiVersion: 'v1', kind: 'Pod', metadata: inDefault(`p${at}`, { labels: { app: seed.app }, ...leaving(seed.leaving) }),
    spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i', ports: [{ name: 'web', containerPort: 8080 }] }] },
    status: {
      phase: 'Running', conditions: [{ type: 'Ready', status: seed.ready ? 'True' : 'False', lastTransitionTime: born }],
      ...(seed.address ? { podIP: `10.0.0.${at + 1}`, podIPs: [{ ip: `10.0.0.${at + 1}` }] } : {}),
    },
  })
  const service = { apiVersion: 'v1', kind: 'Service', metadata: inDefault('s'), spec: { selector: { app: 'x' }, clusterIP: '10.1.0.1', clusterIPs: ['10.1.0.1'], ipFamilies: ['IPv4'], ports: [{ name: 'web', port: 80, targetPort: 'web', protocol: 'TCP' }] } }
  const count = (seeds: readonly { app: string; ready: boolean; address: boolean }[]) => seeds.filter(({ app, address }) => app === 'x' && address).length

  test('slices name every pod that has an address once, and are not larger than they may be', () => {
    checkPlanned({
      make: () => endpointSliceController(3) as never, runs,
      worlds: fc.record({ pods: podSeeds, gone: fc.boolean(), old: fc.array(fc.record({ size: fc.nat({ max: 4 }), ours: fc.boolean() }), { maxLength: 3 }) }),
      build(world, seed) {
        if (!seed.gone) world.put(services, service)
        seed.pods.forEach((pod, at) => world.put(pods, podOf(pod, at)))
        world.put(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', uid: 'n' } })
        seed.old.forEach(({ size, ours }, at) => world.put(endpointSlices, {
          apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', ports: [{ name: 'web', port: 8080, protocol: 'TCP' }],
          metadata: inDefault(`old-${at}`, {
            labels: { 'kubernetes.io/service-name': 's', 'endpointslice.kubernetes.io/managed-by': ours ? 'endpointslice-controller.k8s.io' : 'me' }, ...(ours ? {} : { annotations: foreign }),
            ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 's', uid: 'uid-of-s', controller: true, blockOwnerDeletion: true }],
          }),
          endpoints: Array.from({ length: size }, (_, n) => ({ addresses: [`10.0.0.${at * 10 + n}`], conditions: { ready: true } })),
        }))
      },
      // Which slice takes what depends on what was there.
      sameEnd: () => false,
      end(world, seed) {
        if (seed.gone) return
        const ours = world.list(endpointSlices).filter(({ metadata }) => metadata.labels?.['endpointslice.kubernetes.io/managed-by'] === 'endpointslice-controller.k8s.io')
        const named = ours.flatMap(({ endpoints: list }) => list ?? []).map(({ targetRef }) => targetRef?.name)
        expect(named.length).toBe(new Set(named).size)
        expect(named.length).toBe(count(seed.pods))
        expect(ours.every(({ endpoints: list }) => (list ?? []).length <= 3)).toBe(true)
      },
    })
  })

  test('endpoints show the same', () => {
    checkPlanned({
      make: () => endpointsController() as never, worlds: podSeeds, runs,
      build(world, seeds) {
        world.put(services, service)
        seeds.forEach((pod, at) => world.put(pods, podOf(pod, at)))
      },
      end(world, seeds) {
        const [subset] = world.list(endpoints)[0]!.subsets ?? []
        const shown = [...(subset?.addresses ?? []), ...(subset?.notReadyAddresses ?? [])].map(({ targetRef }) => targetRef?.name)
        expect(new Set(shown).size).toBe(shown.length)
        expect(shown.length).toBeLessThanOrEqual(count(seeds))
      },
    })
  })

  test('mirrors follow endpoints that somebody writes', () => {
    checkPlanned({
      make: () => endpointSliceMirroringController(2) as never, runs,
      worlds: fc.record({ selector: fc.boolean(), gone: fc.boolean(), subsets: fc.array(fc.record({ port: fc.constantFrom(80, 81), ready: fc.nat({ max: 4 }), unready: fc.nat({ max: 2 }) }), { maxLength: 3 }) }),
      build(world, { selector, gone, subsets }) {
        const { selector: own, ...spec } = service.spec
        if (!gone) world.put(services, { ...service, spec: selector ? { ...spec, selector: own } : spec })
        world.put(endpoints, {
          apiVersion: 'v1', kind: 'Endpoints', metadata: inDefault('s'),
          subsets: subsets.map(({ port, ready, unready }, at) => ({
            ports: [{ port, protocol: 'TCP' }], addresses: Array.from({ length: ready }, (_, n) => ({ ip: `10.${at}.0.${n}` })),
            notReadyAddresses: Array.from({ length: unready }, (_, n) => ({ ip: `10.${at}.1.${n}` })),
          })),
        })
        world.put(endpointSlices, {
          apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', endpoints: [],
          metadata: inDefault('other', { labels: { 'kubernetes.io/service-name': 's', 'endpointslice.kubernetes.io/managed-by': 'me' }, annotations: foreign }),
        })
      },
      end(world, { selector, gone }) {
        if (selector || gone) expect(world.list(endpointSlices)).toHaveLength(1)
      },
    })
  })
})

test('finalizers go when nothing needs the object any more, and only then', () => {
  const cases = [
    {
      make: () => pvProtectionController, resource: persistentVolumes, finalizer: 'kubernetes.io/pv-protection',
      put: (world: PureWorld, metadata: KubeObject['metadata'], used: boolean) => world.put(persistentVolumes, { apiVersion: 'v1', kind: 'PersistentVolume', metadata, spec: {}, status: { phase: used ? 'Bound' : 'Released' } }),
    },
    {
      make: () => vacProtectionController, resource: volumeAttributesClasses, finalizer: 'kubernetes.io/vac-protection',
      put(world: PureWorld, metadata: KubeObject['metadata'], used: boolean) {
        world.put(volumeAttributesClasses, { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttributesClass', metadata, driverName: 'd' })
        if (used) world.put(persistentVolumeClaims, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: inDefault('c'), spec: { volumeAttributesClassName: metadata.name } })
      },
    },
    {
      make: () => podGroupProtectionController, resource: podGroups, finalizer: 'scheduling.k8s.io/podgroup-protection', namespaced: true,
      put(world: PureWorld, metadata: KubeObject['metadata'], used: boolean) {
        world.put(podGroups, { apiVersion: 'scheduling.k8s.io/v1alpha2', kind: 'PodGroup', metadata, spec: {} } as never)
        world.put(pods, { apiVersion: 'v1', kind: 'Pod', metadata: inDefault('p'), spec: { containers: [], schedulingGroup: { podGroupName: metadata.name } }, status: { phase: used ? 'Running' : 'Failed' } })
      },
    },
  ]
  for (const { make, resource, finalizer, put, namespaced } of cases) {
    checkPlanned({
      make: make as never, runs, worlds: fc.record({ deleted: fc.boolean(), used: fc.boolean(), other: fc.boolean() }),
      build(world, { deleted, used, other }) {
        const finalizers = [finalizer, ...(other ? ['example.com/other'] : [])]
        put(world, { name: 'o', uid: 'uid-o', ...(namespaced === true ? { namespace: 'default' } : {}), ...(deleted ? { deletionTimestamp: born, finalizers } : {}) }, used)
      },
      end(world, { deleted, used, other }) {
        const found = world.list(resource as Resource<KubeObject>)[0]
        if (deleted && !used && !other) expect(found).toBeUndefined()
        else if (deleted) expect(found!.metadata.finalizers?.includes(finalizer) === true).toBe(used)
      },
    })
  }
})

test('ranges of addresses stay as long as one of their addresses has no other', () => {
  checkPlanned({
    make: () => serviceCIDRController as never, runs,
    worlds: fc.record({ deleted: fc.boolean(), wider: fc.boolean(), addresses: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }) }),
    build(world, { deleted, wider, addresses }) {
      world.put(serviceCIDRs, { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'a', uid: 'a', ...leaving(deleted, 'networking.k8s.io/service-cidr-finalizer') }, spec: { cidrs: ['10.1.0.0/24'] } })
      if (wider) world.put(serviceCIDRs, { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'b', uid: 'b' }, spec: { cidrs: ['10.0.0.0/8'] } })
      for (const one of addresses) world.put(ipAddresses, { apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress', metadata: { name: `10.1.0.${one}`, uid: `${one}`, labels: { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' } }, spec: { parentRef: { resource: 'services', name: 's' } } })
    },
    end: (world, { deleted, wider, addresses }) =>
      expect(world.list(serviceCIDRs).some(({ metadata }) => metadata.name === 'a')).toBe(!deleted || (!wider && addresses.length > 0)),
  })
})

test('every active namespace gets what it is to have', () => {
  const worlds = fc.array(fc.record({ phase: fc.constantFrom('Active', 'Active', 'Terminating'), has: fc.boolean() }), { maxLength: 4 })
  const build = (resource: Resource<never>, object: object) => (world: PureWorld, seeds: readonly { phase: string; has: boolean }[]): void => {
    seeds.forEach(({ phase, has }, at) => {
      world.put(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: `n${at}`, uid: `n${at}`, ...leaving(phase === 'Terminating') }, status: { phase } })
      if (has) world.put(resource, { ...object, metadata: { ...(object as KubeObject).metadata, namespace: `n${at}`, uid: `o${at}` } } as never)
    })
  }
  const active = (seeds: readonly { phase: string; has: boolean }[]) => seeds.filter(({ phase, has }) => phase === 'Active' || has).length
  checkPlanned({
    make: () => serviceAccountController as never, worlds, runs, build: build(serviceAccounts as never, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }),
    end: (world, seeds) => expect(world.list(serviceAccounts)).toHaveLength(active(seeds)),
  })
  checkPlanned({
    make: () => rootCaPublisher('pem') as never, worlds, runs, build: build(configMaps as never, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': 'old' } }),
    end(world, seeds) {
      expect(world.list(configMaps)).toHaveLength(active(seeds))
      seeds.forEach(({ phase }, at) => phase === 'Active' && expect(world.list(configMaps).find(({ metadata }) => metadata.namespace === `n${at}`)!.data).toEqual({ 'ca.crt': 'pem' }))
    },
  })
})

test('what is over goes, and nothing before its time', () => {
  checkPlanned({
    make: () => ttlAfterFinishedController as never, runs,
    worlds: fc.array(fc.record({ end: fc.constantFrom('Complete', 'Failed', undefined), ttl: fc.option(fc.constantFrom(0, 1800, 7200), { nil: undefined }) }), { maxLength: 5 }),
    build: (world, seeds) => seeds.forEach(({ end, ttl }, at) => world.put(jobs, {
      apiVersion: 'batch/v1', kind: 'Job', metadata: inDefault(`j${at}`), spec: { template: {}, ...(ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl }) },
      status: end === undefined ? {} : { conditions: [{ type: end, status: 'True', lastTransitionTime: born }] },
    })),
    end: (world, seeds) => expect(world.list(jobs)).toHaveLength(seeds.filter(({ end, ttl }) => end === undefined || ttl === undefined || ttl > 3600).length),
  })
  const token = (at: number, minutes: number, signs: boolean) => ({
    apiVersion: 'v1', kind: 'Secret', type: 'bootstrap.kubernetes.io/token', metadata: { name: `bootstrap-token-id000${at}`, namespace: 'kube-system', uid: `t${at}` },
    data: Object.fromEntries(Object.entries({
      'token-id': `id000${at}`, 'token-secret': 'secret', expiration: formatTime(atNow + minutes * 60_000), 'usage-bootstrap-signing': String(signs),
    }).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  })
  const worlds = fc.array(fc.record({ minutes: fc.constantFrom(-5, 5), signs: fc.boolean() }), { maxLength: 4 })
  checkPlanned({
    make: () => tokenCleanerController as never, worlds, runs, build: (world, seeds) => seeds.forEach(({ minutes, signs }, at) => world.put(secrets, token(at, minutes, signs))),
    end: (world, seeds) => expect(world.list(secrets)).toHaveLength(seeds.filter(({ minutes }) => minutes > 0).length),
  })
  checkPlanned({
    make: () => bootstrapSignerController as never, worlds, runs,
    build(world, seeds) {
      world.put(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cluster-info', namespace: 'kube-public', uid: 'i' }, data: { kubeconfig: 'text', 'jws-kubeconfig-gone00': 'x' } })
      seeds.forEach(({ minutes, signs }, at) => world.put(secrets, token(at, minutes, signs)))
    },
    end: (world, seeds) => expect(Object.keys(world.list(configMaps)[0]!.data!).length).toBe(1 + seeds.filter(({ minutes, signs }) => minutes > 0 && signs).length),
  })
})

test('roles, nodes and storage versions say what follows from the others', () => {
  checkPlanned({
    make: () => clusterRoleAggregationController as never, runs, worlds: fc.array(fc.record({ part: fc.boolean(), resource: fc.constantFrom('pods', 'nodes') }), { maxLength: 4 }),
    build(world, seeds) {
      world.put(clusterRoles, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'all', uid: 'all' }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }] }, rules: [] })
      seeds.forEach(({ part, resource }, at) => world.put(clusterRoles, {
        apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: `r${at}`, uid: `r${at}`, annotations: foreign, ...(part ? { labels: { part: 'yes' } } : {}) }, rules: [{ apiGroups: [''], resources: [resource], verbs: ['get'] }],
      }))
    },
    end: (world, seeds) => expect(world.list(clusterRoles).find(({ metadata }) => metadata.name === 'all')!.rules ?? []).toHaveLength(new Set(seeds.filter(({ part }) => part).map(({ resource }) => resource)).size),
  })
  checkPlanned({
    make: () => ttlController() as never, runs: 6, worlds: fc.constantFrom(3, 120), others: undefined,
    build: (world, count) => Array.from({ length: count }, (_, at) => world.put(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: `n${at}`, uid: `n${at}` } })).length,
    end: (world, count) => expect(new Set(world.list(nodes).map(({ metadata }) => metadata.annotations?.['node.alpha.kubernetes.io/ttl']))).toEqual(new Set([count > 100 ? '15' : '0'])),
  })
  checkPlanned({
    make: () => storageVersionGarbageCollector as never, runs, worlds: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
    build(world, alive) {
      world.put(storageVersions, { apiVersion: 'internal.apiserver.k8s.io/v1alpha1', kind: 'StorageVersion', metadata: { name: 's', uid: 's' }, spec: {}, status: { storageVersions: alive.map((_, at) => ({ apiServerID: `a${at}`, encodingVersion: 'v1', decodableVersions: ['v1'] })) } })
      alive.forEach((is, at) => is && world.put(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: `a${at}`, namespace: 'kube-system', uid: `l${at}`, labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver' } } }))
    },
    end: (world, alive) => expect(world.list(storageVersions)[0]?.status?.storageVersions ?? []).toHaveLength(alive.filter(Boolean).length),
  })
})

test('volumes are made for pods, attached where they are used and let go where they are not', () => {
  checkPlanned({
    make: () => ephemeralVolumeController as never, runs, worlds: fc.array(fc.record({ deleted: fc.boolean(), has: fc.constantFrom('none', 'own', 'other') }), { maxLength: 3 }),
    build: (world, seeds) => seeds.forEach(({ deleted, has }, at) => {
      world.put(pods, { apiVersion: 'v1', kind: 'Pod', metadata: inDefault(`p${at}`, leaving(deleted)), spec: { containers: [], volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: {} } } }] } })
      if (has === 'none') return
      const uid = has === 'own' ? `uid-of-p${at}` : 'other'
      world.put(persistentVolumeClaims, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: inDefault(`p${at}-v`, { annotations: foreign, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: `p${at}`, uid, controller: true, blockOwnerDeletion: true }] }), spec: {} })
    }),
    end: (world, seeds) => expect(world.list(persistentVolumeClaims)).toHaveLength(seeds.filter(({ deleted, has }) => !deleted || has !== 'none').length),
  })
  const volume = (at: number) => ({
    apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `v${at}`, uid: `v${at}` },
    spec: { accessModes: ['ReadWriteOnce'], csi: { driver: 'd', volumeHandle: `h${at}` }, claimRef: { kind: 'PersistentVolumeClaim', namespace: 'default', name: `c${at}`, uid: `uid-of-c${at}` } },
  })
  checkPlanned({
    make: () => attachDetachController() as never, runs,
    worlds: fc.array(fc.record({ node: fc.nat({ max: 1 }), ended: fc.boolean(), volume: fc.nat({ max: 2 }) }), { maxLength: 4 }),
    build(world, seeds) {
      for (const at of [0, 1]) world.put(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: `n${at}`, uid: `n${at}`, annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' } }, status: { conditions: [{ type: 'Ready', status: 'True' }] } })
      for (const at of [0, 1, 2]) {
        world.put(persistentVolumes, volume(at))
        world.put(persistentVolumeClaims, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: inDefault(`c${at}`), spec: { volumeName: `v${at}` }, status: { phase: 'Bound' } })
      }
      seeds.forEach(({ node, ended, volume: which }, at) => world.put(pods, {
        apiVersion: 'v1', kind: 'Pod', metadata: inDefault(`p${at}`), spec: { nodeName: `n${node}`, containers: [], volumes: [{ name: 'd', persistentVolumeClaim: { claimName: `c${which}` } }] },
        status: { phase: ended ? 'Succeeded' : 'Running' },
      }))
    },
    // Of two nodes that want one volume the first has it.
    sameEnd: () => false,
    end(world, seeds) {
      const held = world.list(volumeAttachments).map(({ spec }) => spec.source.persistentVolumeName)
      expect(new Set(held).size).toBe(held.length)
      expect(new Set(held)).toEqual(new Set(seeds.filter(({ ended }) => !ended).map((one) => `v${one.volume}`)))
    },
  })
})
