/** Endpoint slices (upstream: pkg/apis/discovery/validation). */
import type { Endpoint, EndpointPort, EndpointSlice } from '../../../api/generated/types/discovery-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldInvalid, fieldNotSupported, fieldRequired, fieldTooMany, indexPath } from '../../../api/meta/field-errors.ts'
import { parseIP } from '../../../api/meta/ip.ts'
import { isDNS1123Label, isDNS1123Subdomain, isLabelValue } from '../../../api/meta/names.ts'
import { protocols } from '../core/service-validation.ts'
import { dnsLabel, dnsSubdomain, immutable, invalidAll, oneOf, qualifiedName, semanticEqual } from '../validation/common.ts'
import { ipWarnings } from '../validation/ip-warnings.ts'
import { endpointIP, validateIP, validateLegacyIP } from '../validation/ip.ts'

function* domainName(path: string, text: string): Generator<FieldError> {
  if (text === '') {
    yield fieldRequired(path)
    return
  }
  const name = text.endsWith('.') ? text.slice(0, -1) : text
  const messages = isDNS1123Subdomain(name)
  const labels = name.split('.')
  if (messages.length > 0) yield fieldInvalid(path, name, messages.join(','))
  else if (labels.length < 2) yield fieldInvalid(path, name, 'should be a domain with at least two segments separated by dots')
  else {
    const wrong = labels.find((label) => isDNS1123Label(label).length > 0)
    if (wrong !== undefined) yield fieldInvalid(path, wrong, isDNS1123Label(wrong).join(','))
  }
}

function* addressErrors(path: string, i: number, address: string, type: string): Generator<FieldError> {
  const at = indexPath(path, i)
  if (type === 'FQDN') yield* domainName(at, address)
  if (type !== 'IPv4' && type !== 'IPv6') return
  const errors = [...(type === 'IPv4' ? validateLegacyIP(at, address) : validateIP(at, address))]
  yield* errors
  if (errors.length > 0) return
  if (parseIP(address)?.family !== type) yield fieldInvalid(path, address, `must be an ${type} address`)
  yield* endpointIP(at, address)
}

function* hintErrors(path: string, { forZones = [], forNodes = [] }: NonNullable<Endpoint['hints']>): Generator<FieldError> {
  for (const [name, hints, check] of [
    ['forZones', forZones, (at: string, value: string) => invalidAll(at, value, isLabelValue(value))], ['forNodes', forNodes, dnsSubdomain],
  ] as const) {
    if (hints.length > 8) {
      yield fieldTooMany(`${path}.${name}`, hints.length, 8)
      return
    }
    for (const [i, hint] of hints.entries()) {
      const at = `${indexPath(`${path}.${name}`, i)}.name`
      if (hints.findIndex((other) => other.name === hint.name) < i) yield fieldDuplicate(at, hint.name)
      yield* check(at, hint.name ?? '')
    }
  }
}

function* endpointErrors(path: string, endpoint: Endpoint, type: string): Generator<FieldError> {
  const addresses = endpoint.addresses ?? []
  const at = `${path}.addresses`
  if (addresses.length === 0) yield fieldRequired(at, 'must contain at least 1 address')
  if (addresses.length > 100) yield fieldTooMany(at, addresses.length, 100)
  for (const [i, address] of addresses.entries()) yield* addressErrors(at, i, address, type)
  if (typeof endpoint.nodeName === 'string') yield* dnsSubdomain(`${path}.nodeName`, endpoint.nodeName)
  if (typeof endpoint.hostname === 'string') yield* dnsLabel(`${path}.hostname`, endpoint.hostname)
  if (endpoint.hints) yield* hintErrors(`${path}.hints`, endpoint.hints)
}

function* portErrors(ports: readonly EndpointPort[]): Generator<FieldError> {
  if (ports.length > 20_000) {
    yield fieldTooMany('ports', ports.length, 20_000)
    return
  }
  const seen = new Set<string>()
  for (const [i, { name = '', protocol, appProtocol }] of ports.entries()) {
    const at = indexPath('ports', i)
    if (name !== '') yield* dnsLabel(`${at}.name`, name)
    if (seen.has(name)) yield fieldDuplicate(`${at}.name`, name)
    seen.add(name)
    if (protocol === undefined) yield fieldRequired(`${at}.protocol`)
    else if (!(protocols as readonly string[]).includes(protocol)) yield fieldNotSupported(`${at}.protocol`, protocol, protocols)
    if (typeof appProtocol === 'string') yield* qualifiedName(`${at}.appProtocol`, appProtocol)
  }
}

function* sliceErrors(slice: EndpointSlice, old: EndpointSlice | undefined): Generator<FieldError> {
  yield* oneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6'])
  yield* portErrors(slice.ports ?? [])
  const endpoints = slice.endpoints ?? []
  // What an old slice had wrong may stay.
  if (old !== undefined && semanticEqual(old.endpoints, endpoints)) return
  if (endpoints.length > 1000) yield fieldTooMany('endpoints', endpoints.length, 1000)
  else for (const [i, endpoint] of endpoints.entries()) yield* endpointErrors(indexPath('endpoints', i), endpoint, slice.addressType)
}

export const validateEndpointSlice = (slice: EndpointSlice): Generator<FieldError> => sliceErrors(slice, undefined)

export function* validateEndpointSliceUpdate(slice: EndpointSlice, old: EndpointSlice): Generator<FieldError> {
  yield* sliceErrors(slice, old)
  yield* immutable('addressType', slice.addressType, old.addressType)
}

const ownControllers = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']

export function* endpointSliceWarnings({ metadata, addressType, endpoints }: EndpointSlice, old: EndpointSlice | undefined): Generator<string> {
  if (old === undefined && addressType === 'FQDN') yield 'spec.addressType: FQDN endpoints are deprecated'
  if (ownControllers.includes(metadata.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return
  for (const [i, { addresses }] of (endpoints ?? []).entries()) {
    for (const [j, address] of (addresses ?? []).entries()) yield* ipWarnings(indexPath(`${indexPath('endpoints', i)}.addresses`, j), address)
  }
}
