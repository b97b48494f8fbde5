import fc from 'fast-check'
import { expect, test } from 'vitest'
import { persistentVolumeClaims, persistentVolumes, pods, resourceClaims, resourcePoolStatusRequests, resourceSlices } from '../api/generated/resources.ts'
import { formatTime } from '../api/meta/time.ts'
import { pvBinderController } from './persistentvolume-binder/index.ts'
import { pvExpanderController } from './persistentvolume-expander/index.ts'
import { resourcePoolStatusRequestController } from './resourcepoolstatusrequest/index.ts'
import { atNow, checkPlanned } from './testing/properties.ts'

const size = fc.integer({ min: 1, max: 3 })
const number = fc.integer({ min: 0, max: 3 })
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined })

test('claims and volumes: each has one other at most, reservations are kept, nothing is deleted but what empties volumes', () => {
  checkPlanned({
    make: () => pvBinderController() as never,
    worlds: fc.record({
      volumes: fc.array(fc.record({ size, reserved: maybe(number), policy: fc.constantFrom('Retain', 'Delete', 'Recycle'), bound: fc.boolean() }), { maxLength: 4 }),
      claims: fc.array(fc.record({ size, named: maybe(number) }), { maxLength: 4 }),
    }),
    build(world, { volumes, claims }) {
      volumes.forEach(({ size: gi, reserved, policy, bound }, at) => world.put(persistentVolumes, {
        apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `v${at}`, uid: `v${at}` },
        spec: {
          capacity: { storage: `${gi}Gi` }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' }, persistentVolumeReclaimPolicy: policy, storageClassName: '',
          // Bound to a claim that is gone, or kept for one that may come.
          ...(reserved === undefined ? {} : { claimRef: { namespace: 'default', name: `c${reserved}`, ...(bound ? { uid: `gone-${reserved}` } : {}) } }),
        },
      }))
      claims.forEach(({ size: gi, named }, at) => world.put(persistentVolumeClaims, {
        apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: `c${at}`, namespace: 'default', uid: `c${at}` },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', resources: { requests: { storage: `${gi}Gi` } }, ...(named === undefined ? {} : { volumeName: `v${named}` }) },
      }))
    },
    // The pods that empty volumes do their work.
    others: (world) => world.list(pods).filter(({ status }) => status?.phase === undefined).forEach((pod) => world.put(pods, { ...pod, status: { phase: 'Succeeded' } })),
    // Who comes first to a volume that two could have is open.
    sameEnd: () => false,
    onWrite(step) {
      if (step.do === 'delete') expect(step.resource.resource).toBe('pods')
    },
    end(world, { claims }) {
      const bound = world.list(persistentVolumeClaims).filter(({ status }) => status?.phase === 'Bound')
      const used = bound.map(({ spec }) => spec!.volumeName)
      expect(new Set(used).size).toBe(used.length)
      for (const { metadata, spec } of bound) {
        const volume = world.list(persistentVolumes).find((one) => one.metadata.name === spec!.volumeName)!
        expect(volume.spec?.claimRef?.uid).toBe(metadata.uid)
        if (claims[Number(metadata.name!.slice(1))]!.named === undefined) expect(parseInt(String(volume.spec!.capacity!['storage']), 10)).toBeGreaterThanOrEqual(claims[Number(metadata.name!.slice(1))]!.size)
      }
      expect(world.list(persistentVolumes).filter(({ spec, status }) => status?.phase === 'Bound' && !bound.some(({ metadata }) => metadata.uid === spec?.claimRef?.uid))).toEqual([])
    },
  })
})

test('whoever waits for a larger volume is told so, and nothing is written', () => {
  checkPlanned({
    make: () => pvExpanderController as never,
    worlds: fc.record({ asked: size, has: size, bound: fc.boolean(), others: fc.boolean() }),
    build(world, { asked, has, bound, others }) {
      world.put(persistentVolumeClaims, {
        apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'c', namespace: 'default', uid: 'c' },
        spec: { volumeName: 'v', resources: { requests: { storage: `${asked}Gi` } } }, status: { phase: bound ? 'Bound' : 'Pending', capacity: { storage: `${has}Gi` } },
      })
      world.put(persistentVolumes, { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v', uid: 'v' }, spec: { claimRef: { namespace: 'default', name: 'c', uid: others ? 'other' : 'c' } } })
    },
    end(world, { asked, has, bound, others }) {
      expect(world.writes).toEqual([])
      expect(world.events.length > 0).toBe(bound && !others && asked > has)
    },
  })
})

test('questions about pools are answered once, when all of the pool is known, and forgotten when they are old', () => {
  const pool = (name: string, slices: number, of: number) => ({ name, slices, of })
  checkPlanned({
    make: () => resourcePoolStatusRequestController as never,
    worlds: fc.record({
      age: fc.constantFrom(0, 2, 30), answered: fc.boolean(), limit: fc.integer({ min: 1, max: 3 }),
      pools: fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c'), slices: fc.integer({ min: 1, max: 2 }), of: fc.integer({ min: 1, max: 2 }) }), { selector: ({ name }) => name, maxLength: 3 }),
    }),
    build(world, { age, answered, limit, pools }) {
      const then = formatTime(atNow - age * 3_600_000)
      world.put(resourcePoolStatusRequests, {
        apiVersion: 'resource.k8s.io/v1alpha3', kind: 'ResourcePoolStatusRequest', metadata: { name: 'q', uid: 'q', creationTimestamp: then }, spec: { driver: 'd', limit },
        ...(answered ? { status: { poolCount: 0, conditions: [{ type: 'Complete', status: 'True', reason: 'x', message: '', lastTransitionTime: then }] } } : {}),
      } as never)
      for (const { name, slices, of } of pools.map((one) => pool(one.name, one.slices, one.of))) {
        for (let at = 0; at < slices; at++) {
          world.put(resourceSlices, {
            apiVersion: 'resource.k8s.io/v1', kind: 'ResourceSlice', metadata: { name: `${name}-${at}`, uid: `${name}-${at}` },
            spec: { driver: 'd', nodeName: 'n', pool: { name, generation: 1, resourceSliceCount: of }, devices: [{ name: `d${at}` }] },
          })
        }
      }
      world.put(resourceClaims, {
        apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaim', metadata: { name: 'c', namespace: 'default', uid: 'c' }, spec: {},
        status: { allocation: { devices: { results: [{ driver: 'd', pool: 'a', device: 'd0', request: 'r' }] } } },
      })
    },
    end(world, { age, answered, limit, pools }) {
      const request = world.list(resourcePoolStatusRequests)[0]
      expect(request === undefined).toBe(age > (answered ? 1 : 24))
      if (request === undefined || answered) return
      const complete = pools.every(({ slices, of }) => slices >= of)
      expect(request.status !== undefined).toBe(complete)
      if (complete) expect([request.status?.poolCount, request.status?.pools?.length ?? 0]).toEqual([pools.length, Math.min(limit, pools.length)])
    },
  })
})
