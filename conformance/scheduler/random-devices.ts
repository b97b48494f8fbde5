/** Devices of random worlds: classes, slices of pools, claims that are allocated and such that are not. */
import type { KubeObject } from '../../src/api/meta/object.ts'
import type { Dice } from './dice.ts'

export interface Devices {
  readonly deviceClasses: readonly KubeObject[]
  readonly resourceSlices: readonly KubeObject[]
  readonly resourceClaims: readonly KubeObject[]
}

export const noDevices: Devices = { deviceClasses: [], resourceSlices: [], resourceClaims: [] }

const apiVersion = 'resource.k8s.io/v1'
const driver = 'dra.example.com'
const maybe = <T>(dice: Dice, share: number, make: () => T): T | undefined => (dice.chance(share) ? make() : undefined)
const expressions = [
  'device.driver == "dra.example.com"', 'device.attributes["dra.example.com"].model == "a"', 'device.attributes["dra.example.com"].cores >= 4',
  'device.capacity["dra.example.com"].memory.isGreaterThan(quantity("4Gi"))', 'device.attributes["dra.example.com"].?fast.orValue(false)',
  'device.attributes["dra.example.com"].version.isGreaterThan(semver("1.5.0"))', '"other.example.com" in device.attributes',
  'device.attributes["other.example.com"].?model.orValue("a") == "a"',
]
const selectors = (dice: Dice, share: number) => maybe(dice, share, () => [{ cel: { expression: dice.pick(expressions) } }])

function device(dice: Dice, name: string, nodes: readonly string[], perDevice: boolean, counters: boolean) {
  const shared = dice.chance(0.25)
  const memory = dice.pick<object>([
    { value: '8Gi' }, { value: '4Gi' }, { value: '8Gi', requestPolicy: { default: '1Gi', validRange: { min: '1Gi', step: '1Gi' } } },
    { value: '8Gi', requestPolicy: { default: '2Gi', validValues: ['2Gi', '4Gi'] } },
  ])
  return {
    name, allowMultipleAllocations: shared ? true : undefined,
    attributes: { model: { string: dice.pick(['a', 'b']) }, cores: { int: dice.pick([2, 4, 8]) }, fast: maybe(dice, 0.3, () => ({ bool: dice.chance(0.5) })), version: { version: dice.pick(['1.0.0', '2.1.0']) } },
    capacity: shared || dice.chance(0.7) ? { memory: shared ? memory : { value: dice.pick(['2Gi', '8Gi']) } } : undefined,
    taints: maybe(dice, 0.15, () => [{ key: 'broken', value: 'yes', effect: dice.pick(['NoSchedule', 'NoExecute', 'None']) }]),
    consumesCounters: counters ? [{ counterSet: 'chip', counters: { parts: { value: dice.pick(['1', '2']) } } }] : undefined,
    nodeName: perDevice && dice.chance(0.7) ? dice.pick(nodes) : undefined, allNodes: undefined as boolean | undefined,
  }
}

function slices(dice: Dice, nodes: readonly string[]): KubeObject[] {
  const out: unknown[] = []
  const slice = (name: string, pool: string, count: number, spec: object) => out.push({
    apiVersion, kind: 'ResourceSlice', metadata: { name }, spec: { driver, pool: { name: pool, generation: 1, resourceSliceCount: count }, ...spec },
  })
  for (const node of nodes) {
    if (dice.chance(0.35)) continue
    const counters = dice.chance(0.3)
    const count = (counters ? 2 : 1) + (dice.chance(0.05) ? 1 : 0)
    const devices = Array.from({ length: 1 + dice.below(4) }, (_, i) => device(dice, `d${i}`, nodes, false, counters))
    if (dice.chance(0.04)) devices.push({ ...devices[0]! })
    slice(`${node}-devices`, node, count, { nodeName: node, devices })
    if (counters) slice(`${node}-counters`, node, count, { nodeName: node, sharedCounters: [{ name: 'chip', counters: { parts: { value: dice.pick(['2', '3']) } } }] })
  }
  if (dice.chance(0.3)) {
    const where = dice.pick<object>([{ allNodes: true }, { nodeSelector: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }] } }, { perDeviceNodeSelection: true }])
    const perDevice = 'perDeviceNodeSelection' in where
    const devices = Array.from({ length: 1 + dice.below(3) }, (_, i) => device(dice, `n${i}`, nodes, perDevice, false))
    for (const each of devices) if (perDevice && each.nodeName === undefined) each.allNodes = true
    slice('network', 'network', 1, { ...where, devices })
  }
  return out as KubeObject[]
}

function request(dice: Dice, name: string) {
  const tolerations = maybe(dice, 0.2, () => [{ key: 'broken', operator: dice.pick(['Exists', 'Equal']), value: undefined as string | undefined }])
  for (const each of tolerations ?? []) if (each.operator === 'Equal') each.value = dice.pick(['yes', 'no'])
  const wanted = () => {
    const all = dice.chance(0.1)
    return {
      deviceClassName: dice.pick(['any', 'any', 'picky', ...(dice.chance(0.05) ? ['missing'] : [])]), allocationMode: all ? 'All' : 'ExactCount', count: all ? undefined : dice.pick([1, 1, 2]),
      selectors: selectors(dice, 0.35), tolerations, capacity: maybe(dice, 0.2, () => ({ requests: { memory: dice.pick(['1Gi', '1500Mi', '3Gi', '6Gi']) } })),
    }
  }
  if (dice.chance(0.3)) return { name, firstAvailable: [{ name: 'one', ...wanted() }, { name: 'two', ...wanted() }] }
  return { name, exactly: { ...wanted(), adminAccess: maybe(dice, 0.08, () => true) } }
}

/** `pods` may hold the claims; a third of them are allocated. */
export function randomDevices(dice: Dice, nodes: readonly string[], pods: readonly string[]): Devices {
  const resourceSlices = slices(dice, nodes)
  const free = (resourceSlices as unknown as { spec: { pool: { name: string }; nodeName?: string; devices?: { name: string; allowMultipleAllocations?: boolean; capacity?: { memory?: object } }[] } }[])
    .flatMap(({ spec }) => (spec.devices ?? []).map((each) => ({ pool: spec.pool.name, node: spec.nodeName, each })))
  const allocation = () => {
    const found = dice.pick(free)
    const shared = found.each.allowMultipleAllocations === true
    if (!shared) free.splice(free.indexOf(found), 1)
    return {
      nodeSelector: found.node === undefined ? undefined : { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [found.node] }] }] },
      devices: { results: [{ request: 'r0', driver, pool: found.pool, device: found.each.name, shareID: shared ? `00000000-0000-4000-8000-00000000000${dice.below(10)}` : undefined, consumedCapacity: shared ? { memory: '2Gi' } : undefined }] },
    }
  }
  return {
    resourceSlices,
    deviceClasses: [
      { apiVersion, kind: 'DeviceClass', metadata: { name: 'any' }, spec: {} },
      { apiVersion, kind: 'DeviceClass', metadata: { name: 'picky' }, spec: { selectors: [{ cel: { expression: dice.pick(expressions) } }] } },
    ] as unknown as KubeObject[],
    resourceClaims: Array.from({ length: 6 }, (_, i) => {
      const requests = [request(dice, 'r0'), ...dice.times(1, () => request(dice, 'r1'))]
      const allocated = free.length > 0 && dice.chance(0.4)
      return {
        apiVersion, kind: 'ResourceClaim', metadata: { name: `rc${i}`, namespace: 'default', uid: `rc${i}`, resourceVersion: '1', deletionTimestamp: maybe(dice, 0.02, () => '2026-01-01T00:00:00Z') },
        spec: { devices: { requests, constraints: maybe(dice, 0.2, () => [{ [dice.pick(['matchAttribute', 'distinctAttribute'])]: `${driver}/${dice.pick(['model', 'cores', 'fast'])}` }]) } },
        status: allocated ? { allocation: allocation(), reservedFor: dice.some(pods, 0.3).map((name) => ({ resource: 'pods', name, uid: `uid-${name}` })) } : {},
      }
    }) as unknown as KubeObject[],
  }
}
