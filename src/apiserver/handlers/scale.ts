/** The scale subresource: an autoscaling/v1 Scale that stands for the replica count of an object. */
import { applyPatch } from '../../api/apply/apply.ts'
import { invalid, methodNotAllowed, pathNotFound } from '../../api/meta/errors.ts'
import { fieldInvalid } from '../../api/meta/field-errors.ts'
import { notNegative } from '../../api/meta/metadata-validation.ts'
import type { KubeObject, ManagedFieldsEntry } from '../../api/meta/object.ts'
import { schemaOf } from '../../api/schema/builtin.ts'
import { applyDefaults } from '../../api/schema/default.ts'
import { withValueAt } from '../../api/schema/walk.ts'
import type { ApiResponse, RequestBody } from '../handler.ts'
import { patchOf } from '../http/body.ts'
import { deepCopy } from '../registry/cached.ts'
import { atPath } from '../registry/equal.ts'
import type { ScaleDefinition } from '../resources/define.ts'
import type { RequestContext } from './context.ts'
import { admit, attributesOf, storeOf, writeContext } from './context.ts'
import type { BodyKind } from './decode.ts'
import { decodeBody } from './decode.ts'
import { managerOf, trackWrite } from './managed-fields.ts'
import { checkName, checkNamespace } from './names.ts'
import type { WriteOptions } from './options.ts'
import { optionsAs, writeOptions } from './options.ts'
import { applyType, checkedPatch, checkPatched, patchedObject } from './patch.ts'
import { fromScaleFields, toScaleFields } from './scale-fields.ts'

interface Scale extends KubeObject {
  spec?: { replicas?: number }
  status?: { replicas: number; selector?: string }
}

const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const

function bodyKind(): BodyKind {
  return { ...scaleKind, schema: schemaOf('io.k8s.api.autoscaling.v1.Scale') }
}

/** The object as its Scale. */
export function scaleOf(definition: ScaleDefinition, object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const spec = Number(atPath(object, definition.specReplicas) ?? 0)
  const selector = definition.selector(object)
  const scale: Scale = {
    kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: spec === 0 ? {} : { replicas: spec },
    status: { replicas: Number(atPath(object, definition.statusReplicas) ?? 0), ...(selector === '' ? {} : { selector }) },
  }
  return scale
}

export async function handleScale(context: RequestContext): Promise<ApiResponse> {
  const { request, served } = context
  const definition = storeOf(context).definition.scale
  if (definition === undefined) throw pathNotFound()
  switch (request.info.verb) {
    case 'get': {
      const stored = await storeOf(context).get(request.info.namespace, request.info.name)
      return scaleResponse(definition, stored.object)
    }
    case 'update': {
      const options = writeOptions(request, 'UpdateOptions')
      const sent = decodeBody(context, bodyKind(), options.fieldValidation)
      checkNamespace({ ...context, served }, sent)
      checkName(sent, request.info.name)
      return writeScale(context, definition, options, () => applyDefaults(deepCopy(sent), bodyKind().schema))
    }
    case 'patch': {
      const body = checkedPatch(context, bodyKind())
      const options = writeOptions(request, 'PatchOptions')
      if (body.mediaType === applyType) return applyScale(context, definition, options, body)
      return writeScale(context, definition, options, (current, old) => {
        const patched = patchedObject(context, bodyKind(), body, withOwners(definition, current, old), options)
        checkPatched(context, patched)
        delete patched.metadata.managedFields
        return patched
      })
    }
    default: throw methodNotAllowed()
  }
}

/** The Scale with the owners that its fields have in the object. */
function withOwners(definition: ScaleDefinition, current: KubeObject, old: KubeObject): KubeObject {
  const managedFields = toScaleFields(old.metadata.managedFields ?? [], definition.specReplicas)
  return { ...current, metadata: { ...current.metadata, managedFields } }
}

/** Applies a Scale: its owners are those of the object's replica count. */
function applyScale(context: RequestContext, definition: ScaleDefinition, options: WriteOptions, body: RequestBody): Promise<ApiResponse> {
  let owners: readonly ManagedFieldsEntry[] = []
  return writeScale(context, definition, options, (current, old) => {
    const result = applyPatch({
      schema: bodyKind().schema, apiVersion: 'autoscaling/v1', kind: 'Scale', subresource: 'scale', patch: patchOf(body) as KubeObject,
      manager: options.fieldManager, force: options.force, now: new Date(context.deps.env.clock.now()),
      live: withOwners(definition, current, old),
    })
    owners = result.managedFields ?? []
    checkPatched(context, { ...result.object, metadata: { ...result.object.metadata } })
    return deepCopy(result.object)
  }, (next, old) => {
    const entries = fromScaleFields(old.metadata.managedFields ?? [], owners, definition.specReplicas, context.served.apiVersion)
    return { ...next, metadata: { ...next.metadata, managedFields: entries } }
  })
}

async function writeScale(
  context: RequestContext, definition: ScaleDefinition, options: WriteOptions,
  change: (current: KubeObject, old: KubeObject) => KubeObject,
  track: (next: KubeObject, old: KubeObject) => KubeObject =
    (next, old) => trackWrite(context, old, next, managerOf(context.request, options)),
): Promise<ApiResponse> {
  const { info } = context.request
  const input = (object: KubeObject, old: KubeObject) => ({
    operation: 'UPDATE' as const, name: info.name, object: object, oldObject: old, kind: scaleKind,
    options: optionsAs(options, 'UpdateOptions'), dryRun: options.dryRun,
  })
  const write = writeContext(context, { dryRun: options.dryRun, subresource: '' }, (object, old) =>
    context.deps.admission.validate(attributesOf(context, input(scaleOf(definition, object), scaleOf(definition, old!)))))
  const written = await storeOf(context).update(info.namespace, info.name, {
    async transform(old) {
      const current = scaleOf(definition, old!)
      const attributes = attributesOf(context, input(change(current, old!), current))
      const scale = await admit(context, attributes) as Scale
      return context.served.settled(() => track(scaled(definition, old!, scale, current), old!))
    },
  }, write)
  return scaleResponse(definition, written.entry.object)
}

/** The object with the replicas of the Scale. Throws 422 for a negative count. */
function scaled(definition: ScaleDefinition, old: KubeObject, scale: Scale, current: KubeObject): KubeObject {
  const replicas = scale.spec?.replicas ?? 0
  if (replicas < 0) {
    throw invalid(scaleKind, scale.metadata.name ?? '', [fieldInvalid('spec.replicas', replicas, notNegative)])
  }
  const next = withValueAt(old, definition.specReplicas.split('.'), replicas)
  const resourceVersion = scale.metadata.resourceVersion || current.metadata.resourceVersion
  return { ...next, metadata: { ...next.metadata, resourceVersion } }
}

function scaleResponse(definition: ScaleDefinition, object: KubeObject): ApiResponse {
  return { type: 'object', code: 200, object: scaleOf(definition, object) }
}
