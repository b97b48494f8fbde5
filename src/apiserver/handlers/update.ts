/** update of a resource, or of a subresource that is part of its object. Upstream: endpoints/handlers/update.go. */
import { conflict, optimisticLockText } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { ApiResponse } from '../handler.ts'
import { deepCopy } from '../registry/cached.ts'
import type { WriteContext } from '../registry/resource-store.ts'
import { attributesOf, storeOf, writeContext } from './context.ts'
import type { RequestContext } from './context.ts'
import { admitWrite, objectResponse } from './create.ts'
import { bodyKindOf, decodeBody, toStored } from './decode.ts'
import { managerOf, trackWrite } from './managed-fields.ts'
import { checkName, checkNamespace, dedupOwnerReferences } from './names.ts'
import type { OptionsKind, WriteOptions } from './options.ts'
import { optionsAs, writeOptions } from './options.ts'

export async function handleUpdate(context: RequestContext): Promise<ApiResponse> {
  const { request, served } = context
  const { info } = request
  const options = writeOptions(request, 'UpdateOptions')
  const decoded = decodeBody(context, bodyKindOf(served), options.fieldValidation)
  checkNamespace(context, decoded)
  checkName(decoded, info.name)
  dedupOwnerReferences(request, decoded, false)
  const object = await served.settled(() => toStored(served, decoded))
  const written = await storeOf(context).update(info.namespace, info.name, {
    transform: updateTransform(context, object, options), uidIsPrecondition: true,
  }, updateContext(context, options))
  return objectResponse(context, written.entry, written.created ? 201 : 200)
}

/** Puts `object` over the stored one; each attempt begins with the object as it was sent. */
export function updateTransform(context: RequestContext, object: KubeObject, options: WriteOptions): (old: KubeObject | undefined) => Promise<KubeObject> {
  // Without an expectation the write is tried until it wins, so the original must be kept.
  const expectation = object.metadata.resourceVersion ?? ''
  let first = true
  return async (old) => {
    if (!first && expectation !== '' && old !== undefined) {
      throw conflict(context.served, context.request.info.name, optimisticLockText)
    }
    first = false
    const next = expectation === '' ? deepCopy(object) : object
    return completeWrite(context, next, old, options)
  }
}

/** The steps that every update goes through once its new object is known: managed fields, admission. */
export async function completeWrite(
  context: RequestContext, next: KubeObject, old: KubeObject | undefined, options: WriteOptions,
): Promise<KubeObject> {
  const tracked = await context.served.settled(() => trackWrite(context, old, next, managerOf(context.request, options)))
  return admitNext(context, tracked, old, options)
}

/** Mutating admission, as a create when there is nothing yet. */
export async function admitNext(
  context: RequestContext, next: KubeObject, old: KubeObject | undefined, options: WriteOptions,
): Promise<KubeObject> {
  if (old === undefined) await context.deps.authorizeCreate?.(context.request)
  return admitWrite(context, next, old, {
    operation: old === undefined ? 'CREATE' : 'UPDATE', name: context.request.info.name, options,
    optionsObject: optionsAs(options, kindFor(old)),
  })
}

function kindFor(old: KubeObject | undefined): OptionsKind {
  return old === undefined ? 'CreateOptions' : 'UpdateOptions'
}

/** How the store is to write an update of this request. */
export function updateContext(context: RequestContext, options: WriteOptions, subresource?: string): WriteContext {
  return writeContext(context, { dryRun: options.dryRun, subresource }, (object, old) =>
    context.deps.admission.validate(attributesOf(context, {
      operation: old === undefined ? 'CREATE' : 'UPDATE', name: context.request.info.name, object, oldObject: old,
      options: optionsAs(options, kindFor(old)), dryRun: options.dryRun,
    })))
}
