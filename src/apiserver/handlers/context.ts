/** What every handler of resources is given, and what a request is in their eyes. */
import type { Env } from '../../base/env.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { Admission, AdmissionOperation, Attributes } from '../admission/contract.ts'
import type { ApiRequest, ApiResponse } from '../handler.ts'
import type { ResourceRegistry, Served } from '../registry/resource-registry.ts'
import type { ResourceStore, WriteContext } from '../registry/resource-store.ts'

/** Answers a subresource, or the create of a virtual kind, which is not the generic engine's business. */
export type SpecialHandler = (request: ApiRequest, context: RequestContext) => Promise<ApiResponse>

export interface HandlerDeps {
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>
  readonly registry: ResourceRegistry
  readonly admission: Admission
  /** Keyed 'pods/exec', 'serviceaccounts/token', 'deployments.apps/scale' (group after the resource's name, none for the core). */
  readonly subresourceHandlers?: ReadonlyMap<string, SpecialHandler>
  /** For kinds that are not stored, keyed 'tokenreviews.authentication.k8s.io'. */
  readonly virtualHandlers?: ReadonlyMap<string, SpecialHandler>
  /** Whether the user may create the object that an update or apply would make. Throws 403. Without it: allowed. */
  readonly authorizeCreate?: (request: ApiRequest) => Promise<void>
  readonly feature?: (name: string) => boolean
  /** Shortest time that a watch without timeoutSeconds lives, in ms; it lives up to twice as long. Default 30 min. */
  readonly minRequestTimeoutMs?: number
}

export interface RequestContext {
  readonly deps: HandlerDeps
  readonly request: ApiRequest
  readonly served: Served
}

/** The store behind a served resource. */
export function storeOf(context: RequestContext): ResourceStore {
  const { store } = context.served
  if (store === undefined) throw new Error(`${context.served.resource} is not stored`)
  return store
}

/** "deployments.apps", or "pods" for the core group: how special handlers are keyed. */
export function resourceKey(group: string, resource: string): string {
  return group === '' ? resource : `${resource}.${group}`
}

/** The namespace as admission and storage see it: that of the request, or a namespace's own name. */
export function admissionNamespace(context: RequestContext, name: string): string {
  const { info } = context.request
  return info.namespace === '' && info.resource === 'namespaces' && info.apiGroup === '' ? name : info.namespace
}

export interface AttributesInput {
  readonly operation: AdmissionOperation
  readonly name: string
  readonly object: KubeObject | undefined
  readonly oldObject: KubeObject | undefined
  readonly options?: Readonly<Record<string, unknown>>
  readonly dryRun?: boolean
  /** When the object is not of the resource's own kind (scales, bindings). */
  readonly kind?: { group: string; version: string; kind: string }
}

export function attributesOf(context: RequestContext, input: AttributesInput): Attributes {
  const { request, served } = context
  return {
    operation: input.operation,
    kind: input.kind ?? { group: served.group, version: served.version, kind: served.kind },
    resource: { group: served.group, version: served.version, resource: served.resource },
    subresource: request.info.subresource,
    namespace: admissionNamespace(context, input.name),
    name: input.name,
    object: input.object,
    oldObject: input.oldObject,
    options: input.options,
    dryRun: input.dryRun ?? false,
    user: request.user,
    warnings: request.warnings,
    signal: request.signal,
    addAnnotation(key, value) {
      request.audit[key] ??= value
    },
  }
}

/** Runs mutating admission; answers the object that it left. */
export async function admit(context: RequestContext, attributes: Attributes): Promise<KubeObject | undefined> {
  await context.deps.admission.admit(attributes)
  return attributes.object
}

/** How the store is to write for this request. `validate` gets the attributes that validating admission is to see. */
export function writeContext(
  context: RequestContext, o: { dryRun: boolean; subresource?: string }, validate: WriteContext['validate'],
): WriteContext {
  const { request } = context
  return {
    user: request.user, verb: request.info.verb, dryRun: o.dryRun, signal: request.signal,
    subresource: o.subresource ?? request.info.subresource, group: context.served.group,
    warn: (text) => warn(request, text),
    validate,
  }
}

/** Adds a warning once. */
export function warn(request: ApiRequest, text: string): void {
  if (!request.warnings.includes(text)) request.warnings.push(text)
}
