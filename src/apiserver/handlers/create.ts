/** create. Upstream: endpoints/handlers/create.go. */
import type { KubeObject } from '../../api/meta/object.ts'
import type { ApiResponse } from '../handler.ts'
import type { Cached } from '../registry/cached.ts'
import { wipeSystemFields } from '../registry/metadata.ts'
import { withDefaults } from '../registry/strategy.ts'
import { admit, attributesOf, storeOf, writeContext } from './context.ts'
import type { RequestContext } from './context.ts'
import { bodyKindOf, decodeBody, toStored } from './decode.ts'
import { managerOf, trackWrite } from './managed-fields.ts'
import { checkNamespace, dedupOwnerReferences } from './names.ts'
import type { WriteOptions } from './options.ts'
import { writeOptions } from './options.ts'

export async function handleCreate(context: RequestContext): Promise<ApiResponse> {
  const { request, served } = context
  const options = writeOptions(request, 'CreateOptions')
  const decoded = decodeBody(context, bodyKindOf(served), options.fieldValidation)
  wipeSystemFields(decoded.metadata)
  checkNamespace(context, decoded)
  const cached = await createObject(context, await served.settled(() => toStored(served, decoded)), options)
  return objectResponse(context, cached, 201)
}

/** Admits and stores a new object of the stored version, which it owns. */
export async function createObject(context: RequestContext, object: KubeObject, options: WriteOptions): Promise<Cached> {
  const { request, served } = context
  const name = request.info.name === '' ? object.metadata.name ?? '' : request.info.name
  dedupOwnerReferences(request, object, false)
  const tracked = await served.settled(() => trackWrite(context, undefined, object, managerOf(request, options)))
  const admitted = await admitWrite(context, tracked, undefined, { operation: 'CREATE', name, options })
  const write = writeContext(context, { dryRun: options.dryRun }, (final) => context.deps.admission.validate(attributesOf(context, {
    operation: 'CREATE', name: name === '' ? final.metadata.name ?? '' : name, object: final, oldObject: undefined,
    options: options.object, dryRun: options.dryRun,
  })))
  return storeOf({ ...context, served }).create(admitted, write)
}

/** Runs mutating admission on an object that is about to be written; what it replaced is defaulted again. */
export async function admitWrite(
  context: RequestContext, object: KubeObject, old: KubeObject | undefined,
  o: { operation: 'CREATE' | 'UPDATE'; name: string; options: WriteOptions; optionsObject?: Readonly<Record<string, unknown>> },
): Promise<KubeObject> {
  const attributes = attributesOf(context, {
    operation: o.operation, name: o.name, object, oldObject: old,
    options: o.optionsObject ?? o.options.object, dryRun: o.options.dryRun,
  })
  const admitted = await admit(context, attributes) ?? object
  dedupOwnerReferences(context.request, admitted, true)
  return admitted === object ? object : withDefaults(storeOf(context).definition, admitted)
}

/** A stored object in the version that was asked for. */
export async function objectResponse(context: RequestContext, cached: Cached, code: number): Promise<ApiResponse> {
  await context.served.prepare?.([cached])
  const entry = context.served.view(cached)
  return { type: 'object', code, object: entry.object, entry }
}
