/** Who owns which fields, after each write. The rules themselves are api/apply's. */
import { goShape } from '../../api/codec/go-shape.ts'
import type { FieldsContext } from '../../api/apply/managed-fields.ts'
import { managerOfUserAgent, updateManagedFields } from '../../api/apply/managed-fields.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { parseApiVersion } from '../../api/meta/object.ts'
import type { ApiRequest } from '../handler.ts'
import { resetFieldsOf } from '../registry/strategy.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import type { RequestContext } from './context.ts'
import { storeOf } from './context.ts'
import type { WriteOptions } from './options.ts'

/** The manager that was named, or the client's program: its user agent up to the first slash. */
export function managerOf(request: ApiRequest, options: WriteOptions): string {
  return options.fieldManager === '' ? managerOfUserAgent(request.userAgent) : options.fieldManager
}

/** What api/apply needs to know of a write of this request. */
export function fieldsContext(context: RequestContext, manager: string): FieldsContext {
  const { served, request, deps } = context
  const { subresource } = request.info
  return {
    schema: served.schema, apiVersion: served.apiVersion, manager, subresource,
    now: new Date(deps.env.clock.now()),
    resetFields: untouchedFields(storeOf(context).definition, subresource),
    convert(object, apiVersion) {
      const { group, version } = parseApiVersion(apiVersion)
      const other = deps.registry.get(group, version, served.resource)
      if (other === undefined || group !== served.group) return undefined
      return { object: other.fromStored(served.toStored(object)), schema: other.schema }
    },
  }
}

const untouched = new WeakMap<ResourceDefinition, Map<string, readonly string[]>>()

/** Top-level fields that a write to the (sub)resource leaves alone, and so does not come to own. */
function untouchedFields(definition: ResourceDefinition, subresource: string): readonly string[] {
  let known = untouched.get(definition)
  if (known === undefined) untouched.set(definition, (known = new Map()))
  let fields = known.get(subresource)
  if (fields === undefined) known.set(subresource, (fields = computeUntouched(definition, subresource)))
  return fields
}

function computeUntouched(definition: ResourceDefinition, subresource: string): readonly string[] {
  if (subresource === '') return resetFieldsOf(definition)
  const { writes, resetFields = [] } = definition.subresources?.[subresource] ?? {}
  if (writes === undefined) return resetFields
  const always = ['apiVersion', 'kind', 'metadata', ...writes]
  return [...Object.keys(definition.schema.properties ?? {}).filter((field) => !always.includes(field)), ...resetFields]
}

/** The object with the managed fields that this write leaves; it may be changed in place. Both are in the stored version. */
export function trackWrite(context: RequestContext, live: KubeObject | undefined, next: KubeObject, manager: string): KubeObject {
  const { served } = context
  storeOf(context).definition.defaultNow?.(next, new Date(context.deps.env.clock.now()))
  // Owners own what is written, zero values and nulls included.
  const shaped = goShape(next)
  // An empty list says that nobody shall own anything; it is no field left out.
  if (next.metadata.managedFields !== undefined) shaped.metadata.managedFields = next.metadata.managedFields
  const managedFields = updateManagedFields({
    ...fieldsContext(context, manager),
    ...(live === undefined ? {} : { live: served.fromStored(live) }),
    newObject: served.fromStored(shaped),
  })
  if (managedFields === undefined) delete next.metadata.managedFields
  else next.metadata.managedFields = managedFields
  return next
}
