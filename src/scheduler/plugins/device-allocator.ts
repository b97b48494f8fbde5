/**
 * Which devices a pod's claims get on a node (upstream: dynamic-resource-allocation/structured): a search, device by
 * device, that goes back where it cannot go on. The first solution found is the one taken.
 */
import { compileDeviceSelector } from '../../api/cel/device.ts'
import type { Node } from '../../api/generated/types/core-v1.ts'
import type { AllocationResult, CapacityRequirements, Device, DeviceAttribute, DeviceClass, DeviceConstraint, DeviceRequest, DeviceRequestAllocationResult, DeviceSelector, DeviceTaint, DeviceToleration, ResourceClaim, ResourceSlice } from '../../api/generated/types/resource-v1.ts'
import { type QuantityLike, addQuantity, compareQuantity, subQuantity } from '../../api/meta/quantity.ts'
import { allocationOf } from './device-allocation.ts'
import { type Amounts, consumedCapacity, hasCapacity } from './device-capacity.ts'
import { type Pool, nodeMatches } from './device-pools.ts'

/** How many devices a claim may get. */
const maxResults = 32

/** What is taken already, by "driver/pool/device". */
export interface TakenDevices {
  readonly devices: { has(id: string): boolean }
  /** Of devices that are shared: the sum that is consumed of each capacity. */
  readonly capacity: { get(id: string): Amounts | undefined }
}

export interface AllocatorWorld extends TakenDevices {
  deviceClass(name: string): DeviceClass | undefined
  poolsFor(node: Node): readonly Pool[]
  shareId(): string
}

/** A request or one of its alternatives. */
export interface WantedDevices {
  readonly name: string
  /** "request" or "request/alternative", as results name it. */
  readonly reference: string
  readonly parent: DeviceRequest | undefined
  readonly deviceClass: DeviceClass
  readonly adminAccess: boolean
  readonly all: boolean
  readonly selectors: readonly DeviceSelector[]
  readonly tolerations: readonly DeviceToleration[] | undefined
  readonly capacity: CapacityRequirements | undefined
  count: number
  readonly allDevices: FoundDevice[]
}

export interface FoundDevice {
  readonly id: string
  readonly device: Device
  readonly slice: ResourceSlice
  readonly pool: Pool
}

export interface ChosenDevice extends FoundDevice {
  readonly wanted: WantedDevices
  readonly result: DeviceRequestAllocationResult
}

/** The allocations in the order of the claims; undefined: not on this node. Throws where claim or class is wrong. */
export function allocate(world: AllocatorWorld, node: Node, claims: readonly ResourceClaim[]): AllocationResult[] | undefined {
  const search = new Search(world, node, claims)
  if (search.run()) return search.chosen.map((chosen, i) => allocationOf(claims[i]!, chosen, node.metadata.name!, search.selected(i)))
  if (search.pools.some(({ invalid }) => invalid !== undefined)) throw new NotOnThisNode('invalid resource pools were encountered')
  return undefined
}

/** The node is refused with the message; others may do. */
export class NotOnThisNode extends Error {}

/** A claim would get more devices than it may: an alternative with fewer is tried. */
const tooMany = Symbol('too many')
type Outcome = boolean | typeof tooMany

class Search {
  readonly pools: readonly Pool[]
  readonly chosen: ChosenDevice[][]
  readonly #world: AllocatorWorld
  readonly #node: Node
  readonly #claims: readonly ResourceClaim[]
  /** By claim and request: the request itself or its alternatives. */
  readonly #wanted: WantedDevices[][][] = []
  readonly #picked: number[][]
  readonly #constraints: Constraint[][]
  readonly #inUse = new Map<string, Set<number>>()
  readonly #capacity = new Map<string, Amounts>()
  readonly #counters = new Map<string, Map<string, QuantityLike>>()

  constructor(world: AllocatorWorld, node: Node, claims: readonly ResourceClaim[]) {
    this.#world = world
    this.#node = node
    this.#claims = claims
    this.pools = world.poolsFor(node)
    this.chosen = claims.map(() => [])
    this.#picked = claims.map(() => [])
    for (const [index, claim] of claims.entries()) {
      const requests = claim.spec.devices?.requests ?? []
      const wanted = requests.map((request) => this.#alternatives(index, request))
      const least = wanted.reduce((sum, alternatives) => sum + Math.min(...alternatives.map(({ count }) => count)), 0)
      if (least > maxResults) throw new Error(`claim ${keyOfClaim(claim)}: number of requested devices ${least} exceeds the claim limit of ${maxResults}`)
      this.#wanted.push(wanted)
    }
    this.#constraints = claims.map((claim) => (claim.spec.devices?.constraints ?? []).map((constraint, i) => {
      if (constraint.matchAttribute === undefined && constraint.distinctAttribute === undefined) {
        throw new Error(`claim ${keyOfClaim(claim)}, constraint #${i}: empty constraint (unsupported constraint type?)`)
      }
      return new Constraint(constraint)
    }))
  }

  run(): boolean {
    return this.#claim(0) === true
  }

  /** For each request of the claim, what was taken of it. */
  selected(claim: number): WantedDevices[] {
    return this.#wanted[claim]!.map((alternatives, i) => alternatives[this.#picked[claim]![i] ?? 0]!)
  }

  #alternatives(claim: number, request: DeviceRequest): WantedDevices[] {
    if (request.exactly !== undefined) return [this.#want(claim, request.exactly, request.name, undefined)]
    return (request.firstAvailable ?? []).map((sub) => this.#want(claim, sub, sub.name, request))
  }

  #want(claimIndex: number, given: NonNullable<DeviceRequest['exactly']>, name: string, parent: DeviceRequest | undefined): WantedDevices {
    const about = `claim ${keyOfClaim(this.#claims[claimIndex]!)}, request ${name}`
    const { selectors = [], deviceClassName, allocationMode = 'ExactCount' } = given
    selectors.forEach(({ cel }, i) => {
      if (cel === undefined) throw new Error(`${about}, selector #${i}: CEL expression empty (unsupported selector type?)`)
    })
    if (deviceClassName === '') throw new Error(`${about}: missing device class name (unsupported request type?)`)
    const deviceClass = this.#world.deviceClass(deviceClassName)
    if (deviceClass === undefined) throw new Error(`${about}: could not retrieve device class ${deviceClassName}: deviceclass.resource.k8s.io "${deviceClassName}" not found`)
    const wanted: WantedDevices = {
      name, reference: parent === undefined ? name : `${parent.name}/${name}`, parent, deviceClass, adminAccess: given.adminAccess === true, all: allocationMode === 'All',
      selectors, tolerations: given.tolerations, capacity: given.capacity, count: given.count ?? 1, allDevices: [],
    }
    if (allocationMode === 'ExactCount') return wanted
    if (!wanted.all) throw new Error(`${about}: unsupported count mode ${allocationMode}`)
    for (const pool of this.pools) {
      const trouble = pool.incomplete ? 'being updated' : pool.invalid === undefined ? undefined : 'invalid'
      if (trouble !== undefined) throw new Error(`${about}: asks for all devices, but resource pool ${pool.driver}/${pool.name} is currently ${trouble}`)
      for (const found of devicesOf(pool)) if (this.#selects(claimIndex, wanted, found) && this.#hasRoom(wanted, found)) wanted.allDevices.push(found)
    }
    wanted.count = wanted.allDevices.length
    return wanted
  }

  #claim(index: number): Outcome {
    return index >= this.#claims.length ? true : this.#request(index, 0)
  }

  #request(claim: number, index: number): Outcome {
    const alternatives = this.#wanted[claim]![index]
    if (alternatives === undefined) {
      const rest = this.#claim(claim + 1)
      return rest === tooMany ? false : rest
    }
    if (alternatives[0]?.parent === undefined) return this.#devices(claim, index, alternatives[0]!, 0, 0)
    let all = true
    for (const [i, wanted] of alternatives.entries()) {
      const outcome = this.#devices(claim, index, wanted, 0, 0)
      if (outcome === tooMany) continue
      all = false
      if (!outcome) continue
      this.#picked[claim]![index] = i
      return true
    }
    return all ? tooMany : false
  }

  /** The `have`-th device of the request and all that comes after; it is looked for from place `from` on. */
  #devices(claim: number, request: number, wanted: WantedDevices, have: number, from: number): Outcome {
    if (wanted.all && wanted.count === 0) return false
    if (have >= wanted.count) return this.#request(claim, request + 1)
    if (this.chosen[claim]!.length + wanted.count - have > maxResults) return tooMany
    if (wanted.all) {
      const undo = this.#take(claim, wanted, wanted.allDevices[have]!, true)
      if (undo === undefined) return false
      const outcome = this.#devices(claim, request, wanted, have + 1, 0)
      if (outcome !== true) undo()
      return outcome
    }
    const places = this.#places()
    for (let at = from; at < places.length; at++) {
      const found = places[at]!
      if (wanted.adminAccess ? this.#inUse.get(found.id)?.has(claim) === true : this.#isInUse(found.id)) continue
      if (!this.#selects(claim, wanted, found) || !this.#hasRoom(wanted, found)) continue
      const undo = this.#take(claim, wanted, found, false)
      if (undo === undefined) continue
      const outcome = this.#devices(claim, request, wanted, have + 1, at + 1)
      if (outcome === true) return true
      undo()
      if (outcome === tooMany) return tooMany
    }
    return false
  }

  #all: readonly FoundDevice[] | undefined
  #places(): readonly FoundDevice[] {
    return (this.#all ??= this.pools.filter(({ incomplete, invalid }) => !incomplete && invalid === undefined).flatMap((pool) => [...devicesOf(pool)]))
  }

  #selects(claim: number, wanted: WantedDevices, { device, slice }: FoundDevice): boolean {
    const { deviceClass, selectors } = wanted
    const about = (owner: string) => (i: number, stage: string, error: Error) => new Error(`${owner}: selector #${i}: CEL ${stage} error: ${error.message}`)
    if (!selectorsMatch(deviceClass.spec.selectors ?? [], slice, device, about(`class ${deviceClass.metadata.name}`))) return false
    if (!selectorsMatch(selectors, slice, device, about(`claim ${keyOfClaim(this.#claims[claim]!)}`))) return false
    return slice.spec.perDeviceNodeSelection !== true || nodeMatches(this.#node, device.nodeName, device.allNodes, device.nodeSelector)
  }

  #hasRoom({ capacity }: WantedDevices, { device, id }: FoundDevice): boolean {
    return hasCapacity(device, capacity, [this.#world.capacity.get(id), this.#capacity.get(id)])
  }

  #isInUse(id: string): boolean {
    return this.#world.devices.has(id) || (this.#inUse.get(id)?.size ?? 0) > 0
  }

  /** Takes the device for the request; answers how to give it back, or undefined where it cannot be had. */
  #take(claim: number, wanted: WantedDevices, found: FoundDevice, must: boolean): (() => void) | undefined {
    const { device, id, pool } = found
    const shared = device.allowMultipleAllocations === true
    if (!shared && wanted.adminAccess && this.#inUse.get(id)?.has(claim) === true) return undefined
    if (!wanted.adminAccess && this.#isInUse(id)) return undefined
    const undo: (() => void)[] = []
    const giveUp = () => {
      for (const each of undo.toReversed()) each()
      return undefined
    }
    const counted = (device.consumesCounters?.length ?? 0) > 0 && !(shared && (this.#world.capacity.get(id) ?? this.#capacity.get(id)) !== undefined)
    if (counted) {
      this.#count(pool, device, addQuantity)
      undo.push(() => this.#count(pool, device, subQuantity))
      if (!this.#countersSuffice(pool)) return giveUp()
    }
    if ((device.taints ?? []).some((taint) => isHard(taint) && !(wanted.tolerations ?? []).some((toleration) => toleratesDeviceTaint(toleration, taint)))) return giveUp()
    const request = wanted.parent?.name ?? wanted.name
    for (const constraint of this.#constraints[claim]!) {
      if (!constraint.add(request, wanted.reference, device, pool.driver)) {
        giveUp()
        if (must) throw new Error(`claim ${keyOfClaim(this.#claims[claim]!)}, request ${wanted.name}: cannot add device ${id} because a claim constraint would not be satisfied`)
        return undefined
      }
      undo.push(() => constraint.remove(request, wanted.reference))
    }
    if (!shared) {
      const users = this.#inUse.get(id) ?? new Set()
      this.#inUse.set(id, users.add(claim))
      undo.push(() => void users.delete(claim))
    }
    if (!this.#hasRoom(wanted, found)) return giveUp()
    const consumed = shared ? consumedCapacity(device, wanted.capacity) : {}
    if (shared) {
      const before = this.#capacity.get(id)
      this.#capacity.set(id, sum(before, consumed))
      undo.push(() => void (before === undefined ? this.#capacity.delete(id) : this.#capacity.set(id, before)))
    }
    const results = this.chosen[claim]!
    results.push({ ...found, wanted, result: resultOf(found, wanted, shared ? this.#world.shareId() : undefined, consumed) })
    undo.push(() => void results.pop())
    return giveUp
  }

  #count(pool: Pool, device: Device, change: (a: QuantityLike, b: QuantityLike) => QuantityLike): void {
    const key = `${pool.driver}/${pool.name}`
    const taken = this.#counters.get(key) ?? new Map<string, QuantityLike>()
    this.#counters.set(key, taken)
    for (const { counterSet, counters } of device.consumesCounters ?? []) {
      for (const [name, { value }] of Object.entries(counters)) taken.set(`${counterSet}/${name}`, change(taken.get(`${counterSet}/${name}`) ?? '0', value))
    }
  }

  #countersSuffice(pool: Pool): boolean {
    const taken = this.#counters.get(`${pool.driver}/${pool.name}`)!
    const available = this.#availableCounters(pool)
    for (const [counter, left] of available) if (compareQuantity(left, taken.get(counter) ?? '0') < 0) return false
    return true
  }

  readonly #available = new Map<Pool, Map<string, QuantityLike>>()
  #availableCounters(pool: Pool): Map<string, QuantityLike> {
    let left = this.#available.get(pool)
    if (left !== undefined) return left
    left = new Map([...pool.counterSets].flatMap(([set, counters]) => Object.entries(counters).map(([name, { value }]) => [`${set}/${name}`, value as QuantityLike])))
    for (const found of [...devicesOf(pool), ...devicesIn(pool, pool.others)]) {
      if (!this.#world.devices.has(found.id) && this.#world.capacity.get(found.id) === undefined) continue
      for (const { counterSet, counters } of found.device.consumesCounters ?? []) {
        for (const [name, { value }] of Object.entries(counters)) {
          const before = left.get(`${counterSet}/${name}`)
          if (before !== undefined) left.set(`${counterSet}/${name}`, subQuantity(before, value))
        }
      }
    }
    this.#available.set(pool, left)
    return left
  }
}

export function keyOfClaim({ metadata }: ResourceClaim): string {
  return `${metadata.namespace}/${metadata.name}`
}

function resultOf({ device, pool }: FoundDevice, wanted: WantedDevices, shareID: string | undefined, consumed: Record<string, string>): DeviceRequestAllocationResult {
  return {
    request: wanted.reference, driver: pool.driver, pool: pool.name, device: device.name,
    ...(wanted.adminAccess ? { adminAccess: true } : {}), ...(wanted.tolerations === undefined ? {} : { tolerations: [...wanted.tolerations] }),
    ...(shareID === undefined ? {} : { shareID }), ...(Object.keys(consumed).length === 0 ? {} : { consumedCapacity: consumed }),
    ...(device.bindingConditions === undefined ? {} : { bindingConditions: device.bindingConditions }),
    ...(device.bindingFailureConditions === undefined ? {} : { bindingFailureConditions: device.bindingFailureConditions }),
  }
}

function* devicesOf(pool: Pool): Generator<FoundDevice> {
  yield* devicesIn(pool, pool.slices)
}

function* devicesIn(pool: Pool, slices: readonly ResourceSlice[]): Generator<FoundDevice> {
  for (const slice of slices) for (const device of slice.spec.devices ?? []) yield { id: `${pool.driver}/${pool.name}/${device.name}`, device, slice, pool }
}

/** What selectors said of a device: devices are values, so it holds as long as the device does. */
const selected = new WeakMap<Device, Map<string, boolean>>()

function selectorsMatch(selectors: readonly DeviceSelector[], slice: ResourceSlice, device: Device, fail: (i: number, stage: string, error: Error) => Error): boolean {
  for (const [i, { cel }] of selectors.entries()) {
    const { expression } = cel!
    let known = selected.get(device)
    if (known === undefined) selected.set(device, (known = new Map()))
    let matches = known.get(expression)
    if (matches === undefined) {
      const program = compileDeviceSelector(expression)
      if (program instanceof Error) throw fail(i, 'compile', program)
      try {
        matches = program.matches(slice.spec.driver, device)
      } catch (error) {
        throw fail(i, 'runtime', error as Error)
      }
      known.set(expression, matches)
    }
    if (!matches) return false
  }
  return true
}

function isHard({ effect }: DeviceTaint): boolean {
  return effect === 'NoSchedule' || effect === 'NoExecute'
}

function toleratesDeviceTaint({ key = '', effect = '', operator = '', value = '' }: DeviceToleration, taint: DeviceTaint): boolean {
  if ((effect !== '' && effect !== taint.effect) || (key !== '' && key !== taint.key)) return false
  return operator === 'Exists' || ((operator === '' || operator === 'Equal') && value === (taint.value ?? ''))
}

function sum(a: Amounts | undefined, b: Amounts): Amounts {
  const out: Record<string, QuantityLike> = { ...a }
  for (const [name, amount] of Object.entries(b)) out[name] = out[name] === undefined ? amount : addQuantity(out[name], amount)
  return out
}

/** All devices of the requests have one value of an attribute, or each another. */
class Constraint {
  readonly #requests: ReadonlySet<string>
  readonly #attribute: string
  readonly #distinct: boolean
  /** Values of the devices taken, by request for distinct ones. */
  readonly #values = new Map<string, DeviceAttribute>()
  #devices = 0

  constructor({ requests, matchAttribute, distinctAttribute }: DeviceConstraint) {
    this.#requests = new Set(requests)
    this.#distinct = matchAttribute === undefined
    this.#attribute = matchAttribute ?? distinctAttribute!
  }

  add(request: string, reference: string, device: Device, driver: string): boolean {
    if (!this.#concerns(request, reference)) return true
    const value = attributeOf(device, driver, this.#attribute)
    if (value === undefined) return false
    const others = [...this.#values.values()]
    if (this.#devices > 0 && (this.#distinct ? others.some((other) => sameValue(value, other)) : !sameValue(value, others[0]!))) return false
    this.#values.set(this.#distinct ? request : '', value)
    this.#devices++
    return true
  }

  remove(request: string, reference: string): void {
    if (!this.#concerns(request, reference)) return
    this.#devices--
    if (this.#distinct) this.#values.delete(request)
  }

  #concerns(request: string, reference: string): boolean {
    return this.#requests.size === 0 || this.#requests.has(request) || this.#requests.has(reference)
  }
}

function attributeOf({ attributes = {} }: Device, driver: string, name: string): DeviceAttribute | undefined {
  if (attributes[name] !== undefined) return attributes[name]
  return name.startsWith(`${driver}/`) ? attributes[name.slice(driver.length + 1)] : undefined
}

function sameValue(a: DeviceAttribute, b: DeviceAttribute): boolean {
  if (a.string !== undefined) return a.string === b.string
  if (a.int !== undefined) return a.int === b.int
  if (a.bool !== undefined) return a.bool === b.bool
  return a.version !== undefined && a.version === b.version
}
