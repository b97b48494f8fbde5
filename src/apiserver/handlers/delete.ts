/** delete and deletecollection. Upstream: endpoints/handlers/delete.go, registry/generic/registry/store.go. */
import { isStatus } from '../../api/meta/errors.ts'
import type { ApiResponse, Entry } from '../handler.ts'
import type { Cached } from '../registry/cached.ts'
import type { Deleted } from '../registry/resource-store.ts'
import { attributesOf, storeOf, warn, writeContext } from './context.ts'
import type { RequestContext } from './context.ts'
import type { ParsedDeleteOptions } from './options.ts'
import { deleteOptions } from './options.ts'
import { handleList } from './read.ts'

export async function handleDelete(context: RequestContext): Promise<ApiResponse> {
  const { info } = context.request
  const options = deleteOptions(context.request)
  warnOfOrphans(context, options)
  const { result, removed } = await deleteObject(context, info.namespace, info.name, options)
  const code = !removed && options.orphanDependents === false ? 202 : 200
  if ('key' in result) {
    await context.served.prepare?.([result])
    const entry = context.served.view(result)
    return { type: 'object', code, object: entry.object, entry }
  }
  return { type: 'object', code, object: result }
}

/** Kinds that leave what they own behind when nobody says otherwise; upstream tells it of jobs, the one that is left. */
function warnOfOrphans({ request, served }: RequestContext, { propagationPolicy, orphanDependents }: ParsedDeleteOptions): void {
  if (served.definition.defaultDeletionPropagation !== 'Orphan' || propagationPolicy !== undefined || orphanDependents !== undefined) return
  if (served.resource === 'jobs') warn(request, 'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning')
}

/** Deletes one object with admission. Throws 404 and 409. */
export function deleteObject(context: RequestContext, namespace: string, name: string, options: ParsedDeleteOptions): Promise<Deleted> {
  const { admission } = context.deps
  const write = writeContext(context, { dryRun: options.dryRun }, async (object) => {
    const attributes = attributesOf(context, {
      operation: 'DELETE', name: context.request.info.name, object: undefined, oldObject: object,
      options: options.object, dryRun: options.dryRun,
    })
    await admission.admit(attributes)
    await admission.validate(attributes)
  })
  return storeOf(context).delete(namespace, name, options, write)
}

/** Objects deleted at a time. */
const parallel = 16

export async function handleDeleteCollection(context: RequestContext): Promise<ApiResponse> {
  const options = deleteOptions(context.request)
  const list = await handleList(context)
  warnOfOrphans(context, options)
  const entries = [...list.items]
  const next = entries.values()
  const work = async () => {
    for (const entry of next) await deleteOne(context, entry, options)
  }
  await Promise.all(Array.from({ length: Math.min(parallel, entries.length) }, work))
  return list
}

async function deleteOne(context: RequestContext, entry: Entry | Cached, options: ParsedDeleteOptions): Promise<void> {
  const { namespace = '', name = '' } = entry.object.metadata
  try {
    await deleteObject(context, namespace, name, options)
  } catch (error) {
    // Somebody else was faster.
    if (!isStatus(error, 'NotFound')) throw error
  }
}
