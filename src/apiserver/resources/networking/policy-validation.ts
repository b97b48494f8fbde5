/** Network policies, addresses and ranges of services (upstream: pkg/apis/networking/validation). */
import type {
  IPAddress, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec, ServiceCIDR,
} from '../../../api/generated/types/networking-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { cidrContains, parseCIDR } from '../../../api/meta/ip.ts'
import { validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { isPathSegmentName, isPortName, isPortNumber, type NameCheck } from '../../../api/meta/names.ts'
import { dnsSubdomain, immutable, invalidAll } from '../validation/common.ts'
import { cidrWarnings } from '../validation/ip-warnings.ts'
import { validateCIDR, validateIP, validateLegacyCIDR } from '../validation/ip.ts'
import { pathSegment } from './ingress-validation.ts'

function* portErrors(at: string, { protocol, port, endPort }: NetworkPolicyPort): Generator<FieldError> {
  const protocols = ['TCP', 'UDP', 'SCTP']
  if (typeof protocol === 'string' && !protocols.includes(protocol)) yield fieldNotSupported(`${at}.protocol`, protocol, protocols)
  if (typeof port === 'number') {
    yield* invalidAll(`${at}.port`, port, isPortNumber(port))
    if (typeof endPort !== 'number') return
    if (endPort < port) yield fieldInvalid(`${at}.endPort`, port, 'must be greater than or equal to `port`')
    yield* invalidAll(`${at}.endPort`, endPort, isPortNumber(endPort))
  } else if (typeof port === 'string') {
    if (typeof endPort === 'number') yield fieldInvalid(`${at}.endPort`, endPort, 'may not be specified when `port` is non-numeric')
    yield* invalidAll(`${at}.port`, port, isPortName(port))
  } else if (typeof endPort === 'number') yield fieldInvalid(`${at}.endPort`, endPort, 'may not be specified when `port` is not specified')
}

type Block = NonNullable<NetworkPolicyPeer['ipBlock']>

function* blockErrors(at: string, { cidr, except }: Block, known: readonly string[]): Generator<FieldError> {
  if (!cidr) {
    yield fieldRequired(`${at}.cidr`)
    return
  }
  yield* validateLegacyCIDR(`${at}.cidr`, cidr, known)
  const outer = parseCIDR(cidr)
  if (outer === undefined) return
  for (const [i, text] of (except ?? []).entries()) {
    const path = indexPath(`${at}.except`, i)
    yield* validateLegacyCIDR(path, text, known)
    const inner = parseCIDR(text)
    if (inner === undefined) continue
    if (!cidrContains(outer, { family: inner.family, value: inner.base }) || outer.prefix >= inner.prefix) {
      yield fieldInvalid(path, text, 'must be a strict subset of `cidr`')
    }
  }
}

function* peerErrors(at: string, peer: NetworkPolicyPeer, known: readonly string[], looseSelectors: boolean): Generator<FieldError> {
  const { podSelector, namespaceSelector, ipBlock } = peer
  const options = { allowInvalidValues: looseSelectors }
  if (podSelector) yield* validateLabelSelector(podSelector, `${at}.podSelector`, options)
  if (namespaceSelector) yield* validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`, options)
  if (ipBlock) yield* blockErrors(`${at}.ipBlock`, ipBlock, known)
  if (!podSelector && !namespaceSelector && !ipBlock) yield fieldRequired(at, 'must specify a peer')
  else if (ipBlock && (podSelector || namespaceSelector)) yield fieldForbidden(at, 'may not specify both ipBlock and another peer')
}

interface Rule {
  readonly path: string
  readonly ports: readonly NetworkPolicyPort[]
  readonly peers: readonly NetworkPolicyPeer[]
  readonly peersPath: string
}

function rulesOf(spec: NetworkPolicySpec): Rule[] {
  const rule = (side: 'ingress' | 'egress', i: number, ports: NetworkPolicyPort[] | undefined, peers: NetworkPolicyPeer[] | undefined): Rule => {
    const path = indexPath(`spec.${side}`, i)
    return { path, ports: ports ?? [], peers: peers ?? [], peersPath: `${path}.${side === 'ingress' ? 'from' : 'to'}` }
  }
  return [
    ...(spec.ingress ?? []).map(({ ports, from }, i) => rule('ingress', i, ports, from)),
    ...(spec.egress ?? []).map(({ ports, to }, i) => rule('egress', i, ports, to)),
  ]
}

function* policyErrors(spec: NetworkPolicySpec, known: readonly string[], looseSelectors: boolean): Generator<FieldError> {
  yield* validateLabelSelector(spec.podSelector, 'spec.podSelector', { allowInvalidValues: looseSelectors })
  for (const { path, ports, peers, peersPath } of rulesOf(spec)) {
    for (const [i, port] of ports.entries()) yield* portErrors(indexPath(`${path}.ports`, i), port)
    for (const [i, peer] of peers.entries()) yield* peerErrors(indexPath(peersPath, i), peer, known, looseSelectors)
  }
  const types = spec.policyTypes ?? []
  if (types.length > 2) yield fieldInvalid('spec.policyTypes', types, 'may not specify more than two policyTypes')
  else {
    for (const [i, type] of types.entries()) {
      if (type !== 'Ingress' && type !== 'Egress') yield fieldNotSupported(indexPath('spec.policyTypes', i), type, ['Ingress', 'Egress'])
    }
  }
}

const emptySpec = {} as NetworkPolicySpec

export const validateNetworkPolicy = ({ spec = emptySpec }: NetworkPolicy): Generator<FieldError> => policyErrors(spec, [], false)

/** Ranges and selectors that the old policy had are not checked again. */
export function validateNetworkPolicyUpdate({ spec = emptySpec }: NetworkPolicy, { spec: old = emptySpec }: NetworkPolicy): Generator<FieldError> {
  const known = rulesOf(old).flatMap(({ peers }) => peers.flatMap(({ ipBlock }) => (ipBlock ? [ipBlock.cidr, ...ipBlock.except ?? []] : [])))
  return policyErrors(spec, known, [...validateLabelSelector(old.podSelector, '')].length > 0)
}

export function* networkPolicyWarnings({ spec = emptySpec }: NetworkPolicy): Generator<string> {
  for (const { peers, peersPath } of rulesOf(spec)) {
    for (const [i, { ipBlock }] of peers.entries()) {
      if (!ipBlock) continue
      const at = `${indexPath(peersPath, i)}.ipBlock`
      yield* cidrWarnings(`${at}.cidr`, ipBlock.cidr)
      for (const [j, except] of (ipBlock.except ?? []).entries()) yield* cidrWarnings(indexPath(`${at}.except`, j), except)
    }
  }
}

/** An address is called as it is written. */
export const ipAddressName: NameCheck = (name) => [...validateIP('', name)].map(({ message }) => message.replace(/^Invalid value: "[^"]*": /, ''))

export function* validateIPAddress({ spec }: IPAddress): Generator<FieldError> {
  const parent = spec?.parentRef
  if (!parent) {
    yield fieldRequired('spec.parentRef')
    return
  }
  const { group, resource, namespace, name } = parent
  if (group) yield* dnsSubdomain('spec.parentRef.group', group)
  yield* pathSegment('spec.parentRef.resource', resource)
  yield* pathSegment('spec.parentRef.name', name)
  if (namespace) yield* invalidAll('spec.parentRef.namespace', namespace, isPathSegmentName(namespace))
}

export function* validateIPAddressUpdate({ spec }: IPAddress, { spec: old }: IPAddress): Generator<FieldError> {
  const shown = (ref: NonNullable<IPAddress['spec']>['parentRef'] | undefined): unknown =>
    ref && { Group: ref.group ?? '', Resource: ref.resource ?? '', Namespace: ref.namespace ?? '', Name: ref.name ?? '' }
  yield* immutable('spec.parentRef', shown(spec?.parentRef), shown(old?.parentRef))
}

function* rangeErrors(cidrs: readonly string[]): Generator<FieldError> {
  if (cidrs.length === 0) yield fieldRequired('spec.cidrs', 'at least one CIDR required')
  else if (cidrs.length > 2) yield fieldInvalid('spec.cidrs', { CIDRs: cidrs }, 'may only hold up to 2 values')
  else {
    for (const [i, cidr] of cidrs.entries()) yield* validateCIDR(indexPath('spec.cidrs', i), cidr)
    const families = cidrs.map((cidr) => parseCIDR(cidr)?.family)
    if (families.length === 2 && families[0] !== undefined && families[0] === families[1]) {
      yield fieldInvalid('spec.cidrs', cidrs, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64')
    }
  }
}

export const validateServiceCIDR = ({ spec }: ServiceCIDR): Generator<FieldError> => rangeErrors(spec?.cidrs ?? [])

/** Ranges stay; one of the other family may be added to a single one. */
export function* validateServiceCIDRUpdate({ spec }: ServiceCIDR, { spec: old }: ServiceCIDR): Generator<FieldError> {
  const [next, before] = [spec?.cidrs ?? [], old?.cidrs ?? []]
  const added = before.length === 1 && next.length === 2
  if (!added && next.length !== before.length) {
    yield fieldInvalid('spec.cidrs', spec?.cidrs ?? null, 'field is immutable')
    return
  }
  for (const [i, cidr] of before.entries()) if (cidr !== next[i]) yield fieldInvalid(indexPath('spec.cidrs', i), next[i], 'field is immutable')
  if (added) yield* rangeErrors(next)
}
