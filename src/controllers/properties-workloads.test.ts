import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../api/generated/types/apps-v1.ts'
import type { Job } from '../api/generated/types/batch-v1.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import {
  cronJobs, daemonSets, deployments, jobs, nodes, pods, replicaSets, replicationControllers, statefulSets,
} from '../api/generated/resources.ts'
import { isPodActive } from '../api/helpers/pod-conditions.ts'
import { scaledCount } from '../api/meta/int-or-string.ts'
import type { KubeObject } from '../api/meta/object.ts'
import { isControlledBy } from '../api/meta/owner-references.ts'
import { formatTime } from '../api/meta/time.ts'
import { cronJobController } from './cronjob/index.ts'
import { daemonSetController } from './daemonset/index.ts'
import { deploymentController } from './deployment/index.ts'
import { jobController } from './job/index.ts'
import { replicaSetController } from './replicaset/index.ts'
import { replicationControllerController } from './replicationcontroller/index.ts'
import { statefulSetController } from './statefulset/index.ts'
import { atNow, checkPlanned, foreign } from './testing/properties.ts'
import { createPureWorld, type PureWorld } from './testing/world.ts'

const labels = { app: 'x' }
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } }
const born = formatTime(atNow - 3_600_000)

interface PodSeed {
  readonly whose: 'ours' | 'orphan' | 'stray' | 'other'
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
  readonly ready: boolean
  readonly leaving: boolean
}
const podSeed: fc.Arbitrary<PodSeed> = fc.record({
  whose: fc.constantFrom('ours', 'ours', 'ours', 'orphan', 'stray', 'other'),
  phase: fc.constantFrom('Pending', 'Running', 'Running', 'Succeeded', 'Failed'), ready: fc.boolean(), leaving: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
})

/** Ours, an orphan that fits the selector, one that does not, or another owner's. */
function podOf(seed: PodSeed, name: string, owner: { apiVersion: string; kind: string; name: string; uid: string }, more: Partial<Pod['spec']> = {}): Pod {
  const { whose, phase, ready, leaving } = seed
  const reference = whose === 'ours' ? [owner] : whose === 'other' ? [{ ...owner, name: 'other', uid: 'other' }] : undefined
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: {
      name, namespace: 'default', uid: `uid-of-${name}`, creationTimestamp: born, labels: whose === 'stray' ? { app: 'y' } : labels,
      ...(whose === 'ours' || whose === 'orphan' ? {} : { annotations: foreign }),
      ...(reference === undefined ? {} : { ownerReferences: reference.map((one) => ({ ...one, controller: true, blockOwnerDeletion: true })) }),
      // Somebody's finalizer keeps it, so that the world does not drop it at once.
      ...(leaving ? { deletionTimestamp: born, finalizers: ['example.com/wait'] } : {}),
    },
    spec: { ...template.spec, nodeName: `node-of-${name}`, ...more },
    status: { phase, conditions: [{ type: 'Ready', status: ready && phase === 'Running' ? 'True' : 'False', lastTransitionTime: born }] },
  }
}

const owned = (world: PureWorld, owner: KubeObject): Pod[] => world.list(pods).filter((pod) => isControlledBy(pod, owner))

describe.for([
  { name: 'replica sets', make: () => replicaSetController, resource: replicaSets, apiVersion: 'apps/v1', kind: 'ReplicaSet', selector: { matchLabels: labels } },
  { name: 'replication controllers', make: () => replicationControllerController, resource: replicationControllers, apiVersion: 'v1', kind: 'ReplicationController', selector: labels },
])('$name', ({ make, resource, apiVersion, kind, selector }) => {
  test('have as many pods as they want, and never lose more than are too many', () => {
    const owner = { apiVersion, kind, metadata: { name: 'o', namespace: 'default', uid: 'uid-o', generation: 1 } }
    checkPlanned({
      make: make as never, worlds: fc.record({ replicas: fc.nat({ max: 5 }), pods: fc.array(podSeed, { maxLength: 7 }) }),
      build(world, seed) {
        world.put(resource as never, { ...owner, spec: { replicas: seed.replicas, selector, template } } as never)
        seed.pods.forEach((pod, at) => world.put(pods, podOf(pod, `p${at}`, { ...owner, ...owner.metadata })))
      },
      onWrite(step, before, world) {
        if (step.resource !== (pods as never)) return
        const replicas = (world.list(resource as never)[0] as unknown as ReplicaSet).spec?.replicas ?? 0
        const active = owned(world, owner).filter(isPodActive).length
        if (step.do === 'delete') expect(active).toBeGreaterThan(replicas)
        if (step.do === 'create') expect(active).toBeLessThan(replicas)
        if (step.do === 'delete') expect(isControlledBy(before!, owner)).toBe(true)
      },
      end: (world, seed) => expect(owned(world, owner).filter(isPodActive)).toHaveLength(seed.replicas),
    })
  })
})

describe('deployments', () => {
  const count = fc.oneof(fc.nat({ max: 3 }), fc.constantFrom('25%', '50%', '100%'))
  const worlds = fc.record({
    replicas: fc.nat({ max: 8 }), strategy: fc.constantFrom('RollingUpdate', 'RollingUpdate', 'Recreate'), maxSurge: count, maxUnavailable: count,
    paused: fc.integer({ min: 0, max: 5 }).map((n) => n === 0), minReady: fc.constantFrom(0, 10),
    sets: fc.array(fc.record({ replicas: fc.nat({ max: 5 }), available: fc.nat({ max: 5 }), image: fc.constantFrom('a', 'b', 'new'), whose: fc.constantFrom('ours', 'ours', 'orphan', 'other') }), { maxLength: 3 }),
  })
  type Seed = typeof worlds extends fc.Arbitrary<infer T> ? T : never
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: 'uid-d', controller: true, blockOwnerDeletion: true }
  const templateOf = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: 'c', image }] } })
  const deploymentOf = (seed: Seed): Deployment => ({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'default', uid: 'uid-d', generation: 1 },
    spec: {
      replicas: seed.replicas, selector: { matchLabels: labels }, template: templateOf('new'), paused: seed.paused, minReadySeconds: seed.minReady, progressDeadlineSeconds: 600,
      strategy: seed.strategy === 'Recreate' ? { type: 'Recreate' } : {
        type: 'RollingUpdate',
        // Both zero is what the API refuses.
        rollingUpdate: { maxSurge: seed.maxSurge, maxUnavailable: seed.maxSurge === 0 && seed.maxUnavailable === 0 ? 1 : seed.maxUnavailable },
      },
    },
  })
  function build(world: PureWorld, seed: Seed): void {
    world.put(deployments, deploymentOf(seed))
    seed.sets.forEach(({ replicas, available, image, whose }, at) => {
      const status = { replicas, readyReplicas: Math.min(replicas, available), availableReplicas: Math.min(replicas, available) }
      const set: ReplicaSet = {
        apiVersion: 'apps/v1', kind: 'ReplicaSet',
        metadata: {
          name: `s${at}`, namespace: 'default', uid: `uid-s${at}`, creationTimestamp: formatTime(atNow - 3_600_000 + at * 1000),
          labels: { ...labels, 'pod-template-hash': `h${at}` }, annotations: { ...(whose === 'other' ? foreign : {}), 'deployment.kubernetes.io/desired-replicas': String(seed.replicas), 'deployment.kubernetes.io/revision': String(at + 1) },
          ...(whose === 'orphan' ? {} : { ownerReferences: [whose === 'ours' ? owner : { ...owner, name: 'e', uid: 'uid-e' }] }),
        },
        spec: { replicas, selector: { matchLabels: { ...labels, 'pod-template-hash': `h${at}` } }, template: { ...templateOf(image), metadata: { labels: { ...labels, 'pod-template-hash': `h${at}` } } } },
        status,
      }
      world.put(replicaSets, set)
    })
  }
  /** What a replica set's own controller makes of it: as many pods as it wants, `pace` more of them available. */
  function follow(world: PureWorld, set: ReplicaSet, pace: number): void {
    const replicas = set.spec?.replicas ?? 0
    const ready = Math.min(replicas, (set.status?.availableReplicas ?? 0) + pace)
    world.put(replicaSets, { ...set, status: { ...set.status, replicas, readyReplicas: ready, availableReplicas: ready } })
  }
  const ours = (world: PureWorld): ReplicaSet[] => world.list(replicaSets).filter((set) => isControlledBy(set, { metadata: { uid: 'uid-d' } } as KubeObject))

  test('come to rest and touch nothing of others', () => {
    checkPlanned({
      make: () => deploymentController as never, worlds, build, others: (world) => ours(world).forEach((set) => follow(world, set, Infinity)),
      // Old sets of a paused one are scaled down when the new one is saturated, which its pods decide.
      sameEnd: ({ paused }) => !paused, runs: 60,
    })
  })

  test('roll out within their budget to the end, whatever becomes ready when', () => {
    fc.assert(fc.property(worlds, fc.infiniteStream(fc.nat({ max: 2 })), (seed, pace) => {
      fc.pre(!seed.paused && seed.strategy === 'RollingUpdate')
      const world = createPureWorld()
      build(world, seed)
      const spec = deploymentOf(seed).spec!
      const { maxSurge = 0, maxUnavailable = 0 } = spec.strategy!.rollingUpdate!
      const surge = scaledCount(maxSurge, seed.replicas, true)
      let unavailable = scaledCount(maxUnavailable, seed.replicas, false)
      // Percentages that round to nothing on both sides leave one pod to move.
      if (surge === 0 && unavailable === 0) unavailable = 1
      const total = (list: readonly ReplicaSet[]) => list.reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0)
      const available = (list: readonly ReplicaSet[]) => list.reduce((sum, set) => sum + Math.min(set.spec?.replicas ?? 0, set.status?.availableReplicas ?? 0), 0)
      const limit = Math.max(total(world.list(replicaSets)), seed.replicas + surge)
      for (let round = 0; round < 200; round++) {
        const before = available(ours(world))
        world.round(deploymentController, atNow)
        const list = ours(world)
        expect(total(list)).toBeLessThanOrEqual(limit)
        // What was available may be taken only as far as the budget goes.
        expect(available(list)).toBeGreaterThanOrEqual(Math.min(before, seed.replicas - unavailable))
        for (const set of list) follow(world, set, pace.next().value ?? 1)
        const settled = list.every(({ spec: { replicas = 0 } = {}, status }) => status?.availableReplicas === replicas)
        if (settled && world.round(deploymentController, atNow).written === 0) break
      }
      const running = ours(world).filter((set) => (set.spec?.replicas ?? 0) > 0)
      expect(running.map((set) => [set.spec?.replicas, set.spec?.template?.spec?.containers[0]?.image])).toEqual(seed.replicas === 0 ? [] : [[seed.replicas, 'new']])
      expect(world.list(deployments)[0]!.status?.conditions?.find(({ type }) => type === 'Progressing')?.reason).toBe('NewReplicaSetAvailable')
    }), { numRuns: 60 })
  })
})

test('stateful sets have their ordinals, and break no budget', () => {
  const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'w', namespace: 'default', uid: 'uid-w', generation: 1 } }
  checkPlanned({
    make: () => statefulSetController as never,
    worlds: fc.record({
      replicas: fc.nat({ max: 4 }), policy: fc.constantFrom('OrderedReady', 'Parallel'), start: fc.nat({ max: 2 }), partition: fc.nat({ max: 4 }),
      pods: fc.uniqueArray(fc.record({ at: fc.nat({ max: 6 }), seed: podSeed }), { selector: ({ at }) => at, maxLength: 5 }),
    }),
    build(world, seed) {
      const set: StatefulSet = {
        ...owner,
        spec: {
          replicas: seed.replicas, serviceName: 'w', selector: { matchLabels: labels }, template, podManagementPolicy: seed.policy, ordinals: { start: seed.start },
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: seed.partition } },
        },
      }
      world.put(statefulSets, set)
      for (const { at, seed: one } of seed.pods) {
        const made = podOf({ ...one, phase: 'Running' }, `w-${at}`, { ...owner, ...owner.metadata })
        world.put(pods, { ...made, metadata: { ...made.metadata, labels: { ...made.metadata.labels, 'controller-revision-hash': 'old' } } })
      }
    },
    onWrite(step, before, world) {
      if (step.do !== 'delete' || step.resource !== (pods as never)) return
      expect(isControlledBy(before!, owner)).toBe(true)
      const { spec } = world.list(statefulSets)[0]!
      const ordinal = Number(before!.metadata.name!.slice(2))
      const first = spec!.ordinals!.start!
      const surplus = ordinal < first || ordinal >= first + spec!.replicas!
      // One that is wanted goes only for the new template, and not below the partition.
      if (!surplus) expect(ordinal).toBeGreaterThanOrEqual(first + (spec!.updateStrategy!.rollingUpdate!.partition ?? 0) - first)
    },
    end(world) {
      const surplus = owned(world, owner).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      const { spec } = world.list(statefulSets)[0]!
      if (spec!.podManagementPolicy === 'Parallel') expect(surplus.every(({ metadata }) => Number(metadata.name!.slice(2)) < spec!.ordinals!.start! + spec!.replicas!)).toBe(true)
    },
  })
})

test('daemon sets have one pod on each node that will have it', () => {
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'd', namespace: 'default', uid: 'uid-d', generation: 1 } }
  checkPlanned({
    make: () => daemonSetController() as never,
    worlds: fc.record({
      nodes: fc.array(fc.record({ tainted: fc.boolean(), ready: fc.boolean() }), { maxLength: 4 }), maxUnavailable: fc.integer({ min: 1, max: 3 }), onDelete: fc.boolean(),
      pods: fc.array(fc.record({ node: fc.nat({ max: 5 }), seed: podSeed }), { maxLength: 6 }),
    }),
    build(world, seed) {
      const set: DaemonSet = {
        ...owner,
        spec: {
          selector: { matchLabels: labels }, template,
          updateStrategy: seed.onDelete ? { type: 'OnDelete' } : { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: seed.maxUnavailable } },
        },
      }
      world.put(daemonSets, set)
      seed.nodes.forEach(({ tainted, ready }, at) => world.put(nodes, {
        apiVersion: 'v1', kind: 'Node', metadata: { name: `n${at}`, uid: `uid-n${at}` },
        spec: tainted ? { taints: [{ key: 'k', effect: 'NoSchedule' }] } : {}, status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
      }))
      // Failed pods come back later and later, which this world has no time for.
      seed.pods.forEach(({ node, seed: one }, at) => world.put(pods, podOf({ ...one, phase: one.phase === 'Failed' ? 'Running' : one.phase }, `p${at}`, { ...owner, ...owner.metadata }, { nodeName: `n${node}` })))
    },
    onWrite(step, before) {
      if (step.do === 'delete' && step.resource === (pods as never)) expect(isControlledBy(before!, owner)).toBe(true)
    },
    end(world) {
      const names = new Set(world.list(nodes).map(({ metadata }) => metadata.name))
      const live = owned(world, owner).filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase !== 'Succeeded')
      const perNode = Map.groupBy(live.filter(({ spec }) => names.has(spec?.nodeName)), ({ spec }) => spec!.nodeName)
      for (const [, list] of perNode) expect(list.length).toBeLessThanOrEqual(1)
    },
  })
})

test('jobs run no more pods than they may, count each once and let all of them go', () => {
  const owner = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j', namespace: 'default', uid: 'uid-j', generation: 1 } }
  const finalizer = 'batch.kubernetes.io/job-tracking'
  const succeededOf = (seed: { pods: readonly PodSeed[] }): number => seed.pods.filter(({ whose, phase }) => whose === 'ours' && phase === 'Succeeded').length
  checkPlanned({
    make: () => jobController() as never,
    worlds: fc.record({
      parallelism: fc.nat({ max: 4 }), completions: fc.integer({ min: 1, max: 4 }), suspend: fc.integer({ min: 0, max: 4 }).map((n) => n === 0), backoffLimit: fc.nat({ max: 3 }),
      pods: fc.array(podSeed, { maxLength: 5 }), gone: fc.boolean(),
    }),
    build(world, seed) {
      const job: Job = {
        ...owner,
        spec: {
          // One that is done may be found suspended first or done first: both are right.
          parallelism: seed.parallelism, completions: seed.completions, suspend: seed.suspend && succeededOf(seed) < seed.completions, backoffLimit: seed.backoffLimit, selector: { matchLabels: labels },
          template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } },
        },
        status: { startTime: born },
      }
      if (!seed.gone) world.put(jobs, job)
      seed.pods.forEach((one, at) => {
        const pod = podOf({ ...one, leaving: false }, `p${at}`, { ...owner, ...owner.metadata })
        if (one.whose === 'ours') world.put(pods, { ...pod, metadata: { ...pod.metadata, finalizers: [finalizer] } })
        else if (one.whose !== 'orphan') world.put(pods, pod)
      })
    },
    onWrite(step, before, world) {
      if (step.resource !== (pods as never)) return
      if (step.do === 'delete') expect(isControlledBy(before!, owner)).toBe(true)
      if (step.do === 'create') expect(owned(world, owner).filter(isPodActive).length).toBeLessThan(world.list(jobs)[0]!.spec!.parallelism!)
    },
    end(world, seed) {
      const job = world.list(jobs)[0]
      const ended = world.list(pods).filter((pod) => isControlledBy(pod, owner) && !isPodActive(pod))
      expect(ended.filter(({ metadata }) => metadata.finalizers?.includes(finalizer))).toEqual([])
      if (seed.gone) expect(world.list(pods).filter(({ metadata }) => metadata.finalizers?.includes(finalizer))).toEqual([])
      if (job === undefined) return
      expect(job.status?.succeeded ?? 0).toBe(succeededOf(seed))
      expect(job.status?.uncountedTerminatedPods ?? {}).toEqual({})
    },
  })
})

test('cron jobs keep the histories they may, and start nothing twice', () => {
  checkPlanned({
    make: () => cronJobController as never, now: Date.parse('2026-03-01T10:07:30Z'),
    worlds: fc.record({
      suspend: fc.boolean(), policy: fc.constantFrom('Allow', 'Forbid', 'Replace'), keep: fc.nat({ max: 2 }), deadline: fc.option(fc.constantFrom(10, 100, 1000), { nil: undefined }),
      last: fc.option(fc.nat({ max: 20 }), { nil: undefined }), jobs: fc.array(fc.record({ end: fc.constantFrom('Complete', 'Failed', undefined), minutes: fc.nat({ max: 60 }), ours: fc.boolean() }), { maxLength: 5 }),
    }),
    build(world, seed) {
      world.put(cronJobs, {
        apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'c', namespace: 'default', uid: 'uid-c', creationTimestamp: '2026-03-01T09:00:00Z' },
        spec: {
          schedule: '*/5 * * * *', suspend: seed.suspend, concurrencyPolicy: seed.policy, successfulJobsHistoryLimit: seed.keep, failedJobsHistoryLimit: seed.keep,
          ...(seed.deadline === undefined ? {} : { startingDeadlineSeconds: seed.deadline }), jobTemplate: { spec: { template } },
        },
        status: seed.last === undefined ? {} : { lastScheduleTime: formatTime(Date.parse('2026-03-01T10:00:00Z') - seed.last * 300_000) },
      })
      seed.jobs.forEach(({ end, minutes, ours }, at) => world.put(jobs, {
        apiVersion: 'batch/v1', kind: 'Job',
        metadata: {
          name: `c-${at}`, namespace: 'default', uid: `uid-${at}`, creationTimestamp: born, ...(ours ? {} : { annotations: foreign }),
          ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'c', uid: ours ? 'uid-c' : 'other', controller: true, blockOwnerDeletion: true }],
        },
        spec: { template },
        status: { startTime: formatTime(Date.parse('2026-03-01T08:00:00Z') + minutes * 60_000), ...(end === undefined ? {} : { conditions: [{ type: end, status: 'True', lastTransitionTime: born }] }) },
      }))
    },
    end(world, seed) {
      const mine = world.list(jobs).filter(({ metadata }) => metadata.ownerReferences?.[0]?.uid === 'uid-c')
      for (const type of ['Complete', 'Failed']) expect(mine.filter(({ status }) => status?.conditions?.[0]?.type === type).length).toBeLessThanOrEqual(seed.keep)
      const due = mine.filter(({ metadata }) => !/^c-\d$/.test(metadata.name!))
      expect(due.length).toBeLessThanOrEqual(1)
      if (seed.suspend) expect(due).toEqual([])
    },
  })
})
