/**
 * What a service holds besides its object: cluster IPs and node ports (upstream: pkg/registry/core/service/storage/alloc.go).
 * Decisions are here; the allocators behind the interface keep the books.
 */
import { isIPv6 } from 'node:net'
import type { Service, ServicePort } from '../../../api/generated/types/core-v1.ts'
import { needsHealthCheck } from '../../../api/helpers/service.ts'
import { internalError, invalid, type FieldError, type StatusError } from '../../../api/meta/errors.ts'
import { fieldInvalid, indexPath } from '../../../api/meta/field-errors.ts'
import type { IPFamily } from '../../../api/meta/ip.ts'
import type { HookContext, LifecycleHooks, Rollback } from '../define.ts'
import { validateClusterIPFields } from './service-ip-validation.ts'

/** Why an allocator refuses, in upstream's words; `full` when nothing is left to give. */
export interface Refusal {
  readonly refused: string
  readonly full?: boolean
  /** The port is none that could be given. */
  readonly outOfRange?: boolean
}

/** One family's cluster IPs. With `dryRun` nothing is kept. */
export interface AddressAllocator {
  allocate(ip: string, owner: Service, dryRun: boolean): Promise<Refusal | undefined>
  allocateNext(owner: Service, dryRun: boolean): Promise<string | Refusal>
  release(ip: string): Promise<void>
}

/** Node ports. */
export interface PortAllocator {
  allocate(port: number): Refusal | undefined
  allocateNext(): number | Refusal
  release(port: number): void
}

/** The service named 'serviceAllocators' in HookContext.services. */
export interface ServiceAllocators {
  readonly defaultFamily: IPFamily
  readonly addresses: Readonly<Partial<Record<IPFamily, AddressAllocator>>>
  readonly nodePorts: PortAllocator
}

type Spec = NonNullable<Service['spec']>

export const familyOf = (ip: string): IPFamily => (isIPv6(ip) ? 'IPv6' : 'IPv4')
const other = (family: IPFamily): IPFamily => (family === 'IPv4' ? 'IPv6' : 'IPv4')
const sameList = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i])
const usesNodePorts = (type: string | undefined): boolean => type === 'NodePort' || type === 'LoadBalancer'

function refuse(service: Service, errors: readonly FieldError[]): StatusError {
  return invalid({ kind: 'Service' }, service.metadata.name ?? '', errors)
}

function unchangedPreference(spec: Spec, old: Spec | undefined): boolean {
  if (old === undefined || old.type !== spec.type || spec.type === 'ExternalName') return false
  if (spec.ipFamilyPolicy !== 'PreferDualStack') return false
  if (old.ipFamilyPolicy !== undefined && old.ipFamilyPolicy !== 'PreferDualStack') return false
  return sameList(spec.clusterIPs, old.clusterIPs) && sameList(spec.ipFamilies, old.ipFamilies)
}

function defaultPolicy(spec: Spec, old: Spec | undefined): string {
  if (old?.ipFamilyPolicy !== undefined) return old.ipFamilyPolicy
  return spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0 ? 'RequireDualStack' : 'SingleStack'
}

const shrunk = (now: readonly string[] | undefined, before: readonly string[] | undefined): boolean =>
  (now?.length ?? 0) > 0 && now!.length < (before?.length ?? 0)

function* checkFamilyChange(spec: Spec, old: Spec): Generator<FieldError> {
  const path = 'spec.ipFamilyPolicy'
  if (spec.ipFamilyPolicy === 'SingleStack') {
    if (sameList(spec.clusterIPs, old.clusterIPs) && (spec.clusterIPs?.length ?? 0) > 1) spec.clusterIPs = spec.clusterIPs!.slice(0, 1)
    if (sameList(spec.ipFamilies, old.ipFamilies) && (spec.ipFamilies?.length ?? 0) > 1) spec.ipFamilies = spec.ipFamilies!.slice(0, 1)
    return
  }
  if (shrunk(spec.clusterIPs, old.clusterIPs)) {
    yield fieldInvalid(path, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP")
  }
  if (shrunk(spec.ipFamilies, old.ipFamilies)) {
    yield fieldInvalid(path, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family")
  }
}

function* checkFamilies(spec: Spec, allocators: ServiceAllocators): Generator<FieldError> {
  if (spec.ipFamilyPolicy === 'SingleStack') {
    const several = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
    if (spec.clusterIPs?.length === 2) yield fieldInvalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, `${several} cluster IPs are specified`)
    if (spec.ipFamilies?.length === 2) yield fieldInvalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, `${several} IP families are specified`)
  }
  for (const [i, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip === 'None') return
    if (i < (spec.ipFamilies?.length ?? 0)) continue
    const family = familyOf(ip)
    if (allocators.addresses[family] !== undefined) spec.ipFamilies = [...spec.ipFamilies ?? [], family]
    else yield fieldInvalid(indexPath('spec.clusterIPs', i), spec.clusterIPs, `${family} is not configured on this cluster`)
  }
}

function* checkConfigured(spec: Spec, { addresses }: ServiceAllocators): Generator<FieldError> {
  if (spec.ipFamilyPolicy === 'RequireDualStack' && Object.keys(addresses).length < 2) {
    yield fieldInvalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services')
  }
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    if (addresses[family as IPFamily] === undefined) {
      yield fieldInvalid(indexPath('spec.ipFamilies', i), family, 'not configured on this cluster')
    }
  }
}

function addSecondFamily(spec: Spec): void {
  const families = spec.ipFamilies as IPFamily[]
  if (spec.ipFamilyPolicy !== 'SingleStack' && families.length === 1) spec.ipFamilies = [families[0]!, other(families[0]!)]
}

/** Fills in ipFamilyPolicy and ipFamilies. Throws 422 where they contradict the cluster or each other. */
export function initIPFamilies(service: Service, old: Service | undefined, allocators: ServiceAllocators): void {
  const spec = service.spec!
  if (spec.type === 'ExternalName' || unchangedPreference(spec, old?.spec)) return
  spec.ipFamilyPolicy ??= defaultPolicy(spec, old?.spec)
  const related = [...validateClusterIPFields(service, old)]
  if (related.length > 0) throw refuse(service, related)
  const errors = [...old?.spec === undefined ? [] : checkFamilyChange(spec, old.spec), ...checkFamilies(spec, allocators)]
  if (errors.length > 0) throw refuse(service, errors)
  if (spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0) {
    if (!spec.ipFamilies?.length) spec.ipFamilies = [allocators.defaultFamily]
    addSecondFamily(spec)
    return
  }
  const configured = [...checkConfigured(spec, allocators)]
  if (configured.length > 0) throw refuse(service, configured)
  if (!spec.ipFamilies?.length) spec.ipFamilies = [allocators.defaultFamily]
  if (Object.keys(allocators.addresses).length === 2) addSecondFamily(spec)
}

/** Things taken on the way, which a failure gives back in reverse order. */
class Undo {
  readonly #steps: (() => void | Promise<void>)[] = []
  add(step: () => void | Promise<void>): void {
    this.#steps.push(step)
  }
  readonly run: Rollback = async () => {
    for (const step of this.#steps.splice(0).reverse()) await step()
  }
}

/** Takes an address for each of the families from `from` on. */
async function takeAddresses(service: Service, from: number, allocators: ServiceAllocators, dryRun: boolean, undo: Undo): Promise<void> {
  const spec = service.spec!
  const ips = [...spec.clusterIPs ?? []]
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    if (i < from) continue
    const allocator = allocators.addresses[family as IPFamily]!
    const wanted = ips[i] ?? ''
    const taken = wanted === '' ? await allocator.allocateNext(service, dryRun) : await allocator.allocate(wanted, service, dryRun) ?? wanted
    if (typeof taken !== 'string') throw addressError(service, wanted, taken)
    if (!dryRun) undo.add(() => allocator.release(taken))
    ips[i] = taken
  }
  spec.clusterIPs = ips
  if (ips[0] !== undefined) spec.clusterIP = ips[0]
}

function addressError(service: Service, wanted: string, { refused, full }: Refusal): StatusError {
  if (full && wanted === '') {
    return internalError(`failed to allocate a serviceIP for Service ${JSON.stringify(service.metadata.name)}: ${refused}`)
  }
  const detail = wanted === '' ? `failed to allocate IP: ${refused}` : `failed to allocate IP ${wanted}: ${refused}`
  return refuse(service, [fieldInvalid('spec.clusterIPs', service.spec?.clusterIPs ?? null, detail)])
}

async function takeClusterIPs(
  service: Service, old: Service | undefined, allocators: ServiceAllocators, dryRun: boolean, undo: Undo,
): Promise<void> {
  const spec = service.spec!
  const before = old?.spec
  if (spec.type === 'ExternalName' || unchangedPreference(spec, before)) return
  if (before === undefined || before.type === 'ExternalName') {
    if (spec.clusterIPs?.[0] !== 'None') await takeAddresses(service, 0, allocators, dryRun, undo)
  } else if (before.clusterIPs?.[0] !== 'None' && before.ipFamilies?.length === 1 && spec.ipFamilies?.length === 2) {
    await takeAddresses(service, 1, allocators, dryRun, undo)
  }
}

const shouldAllocate = (spec: Spec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

export const nodePortsOf = (spec: Spec | undefined): number[] =>
  (spec?.ports ?? []).map((p) => p.nodePort ?? 0).filter((port) => port !== 0)

class PortOperation {
  readonly #ports: PortAllocator
  readonly #undo: Undo
  readonly #dryRun: boolean
  constructor(ports: PortAllocator, undo: Undo, dryRun: boolean) {
    this.#ports = ports
    this.#undo = undo
    this.#dryRun = dryRun
  }
  /** Undefined when it is taken now. The engine runs the undo after a dry run too. */
  take(port: number): string | undefined {
    const refusal = this.#ports.allocate(port)
    if (refusal === undefined) this.#note(port)
    // As upstream, whose books for dry runs know what is taken and not what could be.
    if (this.#dryRun && refusal?.outOfRange === true) return undefined
    return refusal?.refused
  }
  takeNext(what: string): number {
    const port = this.#ports.allocateNext()
    if (typeof port !== 'number') throw internalError(`failed to allocate a ${what}: ${port.refused}`)
    this.#note(port)
    return port
  }
  #note(port: number): void {
    this.#undo.add(() => this.#ports.release(port))
  }
}

function takeNodePort(service: Service, index: number, port: number, operation: PortOperation): void {
  const refused = operation.take(port)
  if (refused !== undefined) throw refuse(service, [fieldInvalid(`spec.ports[${index}].nodePort`, port, refused)])
}

/** On a new service, ports of one number (TCP and UDP 53) share a node port. */
function takeNewNodePorts(service: Service, operation: PortOperation): void {
  const spec = service.spec!
  const ports = spec.ports ?? []
  const shared = new Map<number, number>()
  for (const [i, port] of ports.entries()) {
    if (!port.nodePort && !shouldAllocate(spec)) continue
    const known = shared.get(port.port)
    if (known === undefined) {
      const wanted = ports.find((p: ServicePort) => p.port === port.port && p.nodePort)?.nodePort
      if (wanted) takeNodePort(service, i, wanted, operation)
      port.nodePort = wanted || operation.takeNext('nodePort')
      shared.set(port.port, port.nodePort)
    } else if (!port.nodePort) port.nodePort = known
    else if (port.nodePort !== known) takeNodePort(service, i, port.nodePort, operation)
  }
}

function takeChangedNodePorts(service: Service, old: Service, operation: PortOperation): void {
  const spec = service.spec!
  const held = new Set(nodePortsOf(old.spec))
  for (const [i, port] of (spec.ports ?? []).entries()) {
    if (!port.nodePort && !shouldAllocate(spec)) continue
    if (!port.nodePort) port.nodePort = operation.takeNext('nodePort')
    else if (!held.has(port.nodePort)) takeNodePort(service, i, port.nodePort, operation)
    held.add(port.nodePort)
  }
}

function takeHealthCheckPort(service: Service, old: Service | undefined, operation: PortOperation): void {
  const spec = service.spec!
  if (!needsHealthCheck(service) || (old !== undefined && needsHealthCheck(old))) return
  if (!spec.healthCheckNodePort) spec.healthCheckNodePort = operation.takeNext('HealthCheck NodePort 0')
  else {
    const refused = operation.take(spec.healthCheckNodePort)
    if (refused !== undefined) {
      throw internalError(`failed to allocate requested HealthCheck NodePort ${spec.healthCheckNodePort}: ${refused}`)
    }
  }
}

async function take(service: Service, old: Service | undefined, { services, dryRun }: HookContext): Promise<Rollback | void> {
  const allocators = services.serviceAllocators as ServiceAllocators | undefined
  if (allocators === undefined) return
  const undo = new Undo()
  try {
    initIPFamilies(service, old, allocators)
    await takeClusterIPs(service, old, allocators, dryRun, undo)
    const operation = new PortOperation(allocators.nodePorts, undo, dryRun)
    if (usesNodePorts(service.spec?.type)) {
      if (old === undefined) takeNewNodePorts(service, operation)
      else takeChangedNodePorts(service, old, operation)
    }
    takeHealthCheckPort(service, old, operation)
  } catch (error) {
    await undo.run()
    throw error
  }
  return undo.run
}

function allPorts(service: Service | undefined): Set<number> {
  const ports = new Set(nodePortsOf(service?.spec))
  if (service !== undefined && needsHealthCheck(service) && service.spec?.healthCheckNodePort) ports.add(service.spec.healthCheckNodePort)
  return ports
}

const addressesOf = (service: Service | undefined): string[] =>
  (service?.spec?.type === 'ExternalName' ? [] : service?.spec?.clusterIPs ?? []).filter((ip) => ip !== 'None' && ip !== '')

/** Gives back what `old` held and `service` no longer does. */
async function giveBack(old: Service, service: Service | undefined, { services, dryRun }: HookContext): Promise<void> {
  const allocators = services.serviceAllocators as ServiceAllocators | undefined
  if (allocators === undefined || dryRun) return
  const keptPorts = allPorts(service)
  for (const port of allPorts(old)) if (!keptPorts.has(port)) allocators.nodePorts.release(port)
  const keptIPs = addressesOf(service)
  for (const ip of addressesOf(old)) if (!keptIPs.includes(ip)) await allocators.addresses[familyOf(ip)]?.release(ip)
}

/** Lifecycle of what services hold. `prepare` settles which values count before anything is taken. */
export function serviceHooks(prepare: (service: Service, old: Service | undefined) => void): LifecycleHooks<Service> {
  return {
    beforeCreate(service, context) {
      prepare(service, undefined)
      return take(service, undefined, context)
    },
    beforeUpdate(service, old, context) {
      if (context.subresource !== '') return Promise.resolve()
      prepare(service, old)
      return take(service, old, context)
    },
    afterUpdate: (service, old, context) => (context.subresource === '' ? giveBack(old, service, context) : Promise.resolve()),
    afterDelete: (service, context) => giveBack(service, undefined, context),
  }
}
