/** Endpoints: addresses and ports of a Service. */
import type { EndpointAddress, EndpointPort, Endpoints } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldRequired } from '../../../api/meta/field-errors.ts'
import { isPortNumber } from '../../../api/meta/names.ts'
import { dnsLabel, dnsSubdomain, invalidAll, oneOf, qualifiedName, semanticEqual } from '../validation/common.ts'
import { endpointIP, validateLegacyIP } from '../validation/ip.ts'
import { protocols } from './service-validation.ts'

function* addressErrors(path: string, { hostname, nodeName, ...rest }: EndpointAddress): Generator<FieldError> {
  const ip = rest.ip || ''
  yield* validateLegacyIP(`${path}.ip`, ip)
  if (hostname) yield* dnsLabel(`${path}.hostname`, hostname)
  if (nodeName !== undefined) yield* dnsSubdomain(`${path}.nodeName`, nodeName)
  yield* endpointIP(`${path}.ip`, ip)
}

function* portErrors(path: string, port: EndpointPort, needsName: boolean): Generator<FieldError> {
  if (needsName && !port.name) yield fieldRequired(`${path}.name`)
  else if (port.name) yield* dnsLabel(`${path}.name`, port.name)
  yield* invalidAll(`${path}.port`, port.port ?? 0, isPortNumber(port.port ?? 0))
  yield* oneOf(`${path}.protocol`, port.protocol, protocols)
  if (port.appProtocol !== undefined) yield* qualifiedName(`${path}.appProtocol`, port.appProtocol)
}

function* subsets({ subsets: list = [] }: Endpoints): Generator<FieldError> {
  for (const [i, subset] of list.entries()) {
    const path = `subsets[${i}]`
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset
    if (addresses.length === 0 && notReadyAddresses.length === 0) yield fieldRequired(path, 'must specify `addresses` or `notReadyAddresses`')
    for (const [j, address] of addresses.entries()) yield* addressErrors(`${path}.addresses[${j}]`, address)
    for (const [j, address] of notReadyAddresses.entries()) yield* addressErrors(`${path}.notReadyAddresses[${j}]`, address)
    for (const [j, port] of ports.entries()) yield* portErrors(`${path}.ports[${j}]`, port, ports.length > 1)
  }
}

export function* validateEndpoints(endpoints: Endpoints): Generator<FieldError> {
  yield* subsets(endpoints)
}

/** What was stored wrong may stay as it is. */
export function* validateEndpointsUpdate(endpoints: Endpoints, old: Endpoints): Generator<FieldError> {
  if (!semanticEqual(endpoints.subsets, old.subsets)) yield* subsets(endpoints)
}
