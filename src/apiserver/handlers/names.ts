/** Names and namespaces in a body against those of the request. Upstream: endpoints/handlers/rest.go. */
import { badRequest } from '../../api/meta/errors.ts'
import type { KubeObject, OwnerReference } from '../../api/meta/object.ts'
import type { ApiRequest } from '../handler.ts'
import { jsonEqual } from '../registry/equal.ts'
import { ensureNamespace } from '../registry/metadata.ts'
import type { RequestContext } from './context.ts'
import { warn } from './context.ts'

/** The namespace of the body must be that of the request, or is taken from there. */
export function checkNamespace(context: RequestContext, object: KubeObject): void {
  ensureNamespace(object.metadata, context.served.namespaced ? context.request.info.namespace : '')
}

/** Throws 400 unless the object has the name in the URL. */
export function checkName(object: KubeObject, name: string): void {
  const given = object.metadata.name ?? ''
  if (given === '') {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`)
  }
  if (given !== name) throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
}

/** Drops owner references that are there twice, with a warning. */
export function dedupOwnerReferences(request: ApiRequest, object: KubeObject, afterAdmission: boolean): void {
  const references = object.metadata.ownerReferences
  if (references === undefined || references.length < 2) return
  const kept: OwnerReference[] = []
  const duplicates: string[] = []
  for (const reference of references) {
    if (kept.some((other) => other.uid === reference.uid && jsonEqual(other, reference))) duplicates.push(reference.uid)
    else kept.push(reference)
  }
  if (duplicates.length === 0) return
  object.metadata.ownerReferences = kept
  warn(request, afterAdmission
    ? `.metadata.ownerReferences contains duplicate entries after mutating admission happens; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${duplicates.join(', ')}`
    : `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${duplicates.join(', ')}`)
}
