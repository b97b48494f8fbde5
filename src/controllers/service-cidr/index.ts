/** Ranges of service addresses are ready, and go when no address needs them (upstream: pkg/controller/servicecidrs). */
import type { IPAddress, ServiceCIDR } from '../../api/generated/types/networking-v1.ts'
import { ipAddresses, serviceCIDRs } from '../../api/generated/resources.ts'
import { type CIDR, cidrContains, parseCIDR, parseIP } from '../../api/meta/ip.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import { watch } from '../../client/controller.ts'
import type { Informers } from '../../client/informer.ts'
import type { ControllerDefinition, Plan } from '../../client/reconcile.ts'
import { patch, type Step } from '../../client/steps.ts'

interface Snapshot {
  readonly range: ServiceCIDR
  readonly others: readonly ServiceCIDR[]
  readonly addresses: () => readonly IPAddress[]
}

const finalizer = 'networking.k8s.io/service-cidr-finalizer'
const managedBy = 'ipaddress.kubernetes.io/managed-by'
/** Servers may hand out an address of a range that has just been marked: they are given time to hear of it. */
const graceMs = 10_000

const cidrsOf = ({ spec }: ServiceCIDR): CIDR[] => (spec?.cidrs ?? []).flatMap((text) => parseCIDR(text) ?? [])
const contains = (outer: CIDR, inner: CIDR): boolean =>
  outer.family === inner.family && outer.prefix <= inner.prefix && cidrContains(outer, { family: inner.family, value: inner.base })
const overlaps = (a: CIDR, b: CIDR): boolean => contains(a, b) || contains(b, a)

export const serviceCIDRController: ControllerDefinition<Snapshot> = {
  name: 'service-cidr-controller',
  component: 'service-cidrs-controller',
  workers: 5,
  watches: [
    watch(serviceCIDRs, (range, informers) => [range.metadata.name ?? '', ...touching(range, informers)]),
    watch(ipAddresses, (address, informers) => {
      const ip = address.metadata.labels?.[managedBy] === 'ipallocator.k8s.io' ? parseIP(address.metadata.name ?? '') : undefined
      if (ip === undefined) return []
      return informers.of(serviceCIDRs).list().filter((range) => cidrsOf(range).some((cidr) => cidrContains(cidr, ip))).map(({ metadata }) => metadata.name ?? '')
    }, { changed: () => false }),
  ],
  snapshot(key, informers) {
    const range = informers.of(serviceCIDRs).get(key)
    if (range === undefined) return undefined
    return {
      range, others: informers.of(serviceCIDRs).list().filter(({ metadata }) => metadata.name !== key),
      addresses: () => informers.of(ipAddresses).list().filter(({ metadata }) => metadata.labels?.[managedBy] === 'ipallocator.k8s.io'),
    }
  },
  plan(snapshot, { now }): Plan {
    const { range } = snapshot
    const key = { name: range.metadata.name ?? '' }
    const has = range.metadata.finalizers?.includes(finalizer) === true
    if (range.metadata.deletionTimestamp === undefined) {
      const add = has ? [] : [patch(serviceCIDRs, key, 'strategic', { metadata: { finalizers: [finalizer] } }, { ignore: ['NotFound'] })]
      return { steps: [...add, ...condition(range, 'True', '', 'Kubernetes Service CIDR is ready', now)] }
    }
    if (!mayGo(snapshot)) {
      const message = 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR'
      return { steps: condition(range, 'False', 'Terminating', message, now) }
    }
    const waitMs = (parseTime(range.metadata.deletionTimestamp) ?? now) + graceMs - now
    if (waitMs > 0) return { steps: [], requeueAfterMs: waitMs }
    const drop = { metadata: { '$deleteFromPrimitiveList/finalizers': [finalizer] } }
    return { steps: has ? [patch(serviceCIDRs, key, 'strategic', drop, { ignore: ['NotFound'] })] : [] }
  },
}

function touching(range: ServiceCIDR, informers: Informers): string[] {
  const own = cidrsOf(range)
  return informers.of(serviceCIDRs).list().filter((other) => cidrsOf(other).some((cidr) => own.some((one) => overlaps(one, cidr)))).map(({ metadata }) => metadata.name ?? '')
}

/** Every part lies in another range, or no address is in this range alone. */
function mayGo({ range, others, addresses }: Snapshot): boolean {
  const own = cidrsOf(range)
  const rest = others.flatMap(cidrsOf)
  if (own.every((cidr) => rest.some((other) => contains(other, cidr)))) return true
  return addresses().every(({ metadata }) => {
    const ip = parseIP(metadata.name ?? '')
    return ip === undefined || !own.some((cidr) => cidrContains(cidr, ip)) || rest.some((cidr) => cidrContains(cidr, ip))
  })
}

function condition({ metadata, status }: ServiceCIDR, state: string, reason: string, message: string, now: number): Step[] {
  const known = status?.conditions?.find(({ type }) => type === 'Ready')
  if (known?.status === state && (known.reason ?? '') === reason && known.message === message) return []
  const { name = '' } = metadata
  const body = {
    apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name },
    status: { conditions: [{ type: 'Ready', status: state, reason, message, lastTransitionTime: formatTime(now) }] },
  }
  return [patch(serviceCIDRs, { name }, 'apply', body, { subresource: 'status', ignore: ['NotFound'], fieldManager: 'service-cidrs-controller', force: true })]
}
