/** Which format an answer is written in (upstream: apiserver/pkg/endpoints/handlers/negotiation). */
import { type Clause, parseAccept, takes, wantsPretty } from '../../api/meta/accept.ts'
import { StatusError, notAcceptable } from '../../api/meta/errors.ts'

export type MediaType = 'application/json' | 'application/yaml' | 'application/vnd.kubernetes.protobuf'
export const jsonType = 'application/json'
export const yamlType = 'application/yaml'
export const protobufType = 'application/vnd.kubernetes.protobuf'
export const allTypes: readonly MediaType[] = [jsonType, yamlType, protobufType]

/** The object that the client wants in place of the resource's own kind. */
export interface Transform {
  readonly kind: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'
  readonly version: 'v1' | 'v1beta1'
}

export interface Negotiated {
  readonly mediaType: MediaType
  readonly pretty: boolean
  readonly transform?: Transform
  /** "v2" or "v2beta1" when aggregated discovery is asked for. */
  readonly aggregatedDiscovery?: 'v2' | 'v2beta1'
}

export interface Offer {
  /** What the endpoint can write; CRDs have no protobuf. */
  readonly mediaTypes?: readonly MediaType[]
  readonly table?: boolean
  readonly partial?: boolean
  readonly aggregatedDiscovery?: boolean
  /** A watch: only formats with frames. */
  readonly stream?: boolean
  /** Upstream's router refuses what none of these is, before the handler is asked; absent for custom kinds, which it does not route. */
  readonly routed?: readonly string[]
}

/** Throws NotAcceptable when nothing that the client takes can be written here. */
export function negotiate(accept: string | undefined, query: URLSearchParams, userAgent: string, offer: Offer = {}): Negotiated {
  const pretty = wantsPretty(query, userAgent)
  const offered = offer.mediaTypes ?? allTypes
  if (accept === undefined || accept === '') return { mediaType: offered[0]!, pretty }
  const clauses = parseAccept(accept)
  for (const clause of clauses) {
    for (const mediaType of offered) {
      if (!takes(clause, mediaType)) continue
      const options = optionsOf(clause, mediaType, offer)
      if (options === undefined) continue
      if (offer.stream === true && mediaType === yamlType) throw notAcceptable(offered)
      return { mediaType, pretty: pretty || clause.params['pretty'] === '1', ...options }
    }
  }
  throw notAcceptable(offered)
}

/** Throws what upstream's router says of an Accept header in which there is nothing for it. */
export function checkRouted(accept: string | undefined, { routed, mediaTypes = allTypes }: Pick<Offer, 'routed'> & { readonly mediaTypes?: readonly string[] | undefined }): void {
  if (routed === undefined || accept === undefined || accept === '') return
  if (!parseAccept(accept).some((clause) => mediaTypes.some((mediaType) => takes(clause, mediaType)))) throw notRouted(routed)
}

function notRouted(routed: readonly string[]): StatusError {
  return new StatusError({
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `406: Not Acceptable\n\nAvailable representations: ${routed.join(', ')}`,
    reason: 'NotAcceptable', details: {}, code: 406,
  })
}

/** Undefined when the clause wants what the endpoint does not do. */
function optionsOf({ params }: Clause, mediaType: MediaType, offer: Offer): Partial<Negotiated> | undefined {
  const stream = params['stream']
  if (stream !== undefined && stream !== '' && (stream !== 'watch' || mediaType === yamlType)) return undefined
  const { as: kind, g: group, v: version } = params
  if (kind === undefined && group === undefined && version === undefined) return {}
  if (group === 'apidiscovery.k8s.io' && kind === 'APIGroupDiscoveryList') {
    if (offer.aggregatedDiscovery !== true || (version !== 'v2' && version !== 'v2beta1')) return undefined
    return { aggregatedDiscovery: version }
  }
  if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined
  if (kind === 'Table') return offer.table === true && mediaType !== protobufType ? { transform: { kind, version } } : undefined
  if (kind !== 'PartialObjectMetadata' && kind !== 'PartialObjectMetadataList') return undefined
  return offer.partial === true ? { transform: { kind, version } } : undefined
}
