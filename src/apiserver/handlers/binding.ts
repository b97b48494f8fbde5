/** pods/binding and bindings: a pod gets its node. Upstream: pkg/registry/core/pod/storage/storage.go. */
import { badRequest, conflict, notFound } from '../../api/meta/errors.ts'
import type { FieldError, Status } from '../../api/meta/errors.ts'
import { aggregateText, fieldNotSupported, fieldRequired } from '../../api/meta/field-errors.ts'
import { goQuote } from '../../api/meta/go-text.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { formatTime } from '../../api/meta/time.ts'
import { schemaOf } from '../../api/schema/builtin.ts'
import type { ApiResponse } from '../handler.ts'
import { plainError } from '../registry/resource-store.ts'
import type { RequestContext } from './context.ts'
import { admit, attributesOf } from './context.ts'
import type { BodyKind } from './decode.ts'
import { decodeBody } from './decode.ts'
import { checkNamespace } from './names.ts'
import { writeOptions } from './options.ts'

interface Binding extends KubeObject {
  target?: { kind?: string; name?: string }
}

export interface PodCondition {
  type: string
  status: string
  lastTransitionTime?: string | null
  [field: string]: unknown
}

interface BoundPod extends KubeObject {
  spec: { nodeName?: string; schedulingGates?: unknown[] }
  status?: { conditions?: PodCondition[]; nominatedNodeName?: string }
}

const bindingKind = { group: '', version: 'v1', kind: 'Binding' } as const

export async function handleBinding(context: RequestContext): Promise<ApiResponse> {
  const { request, deps } = context
  const { info } = request
  const options = writeOptions(request, 'CreateOptions')
  const kind: BodyKind = { ...bindingKind, schema: schemaOf('io.k8s.api.core.v1.Binding') }
  const sent = decodeBody(context, kind, options.fieldValidation)
  checkNamespace(context, sent)
  const name = info.name === '' ? sent.metadata.name ?? '' : info.name
  if (name !== (sent.metadata.name ?? '')) throw badRequest('name in URL does not match name in Binding object')
  const input = {
    operation: 'CREATE' as const, name, oldObject: undefined, kind: bindingKind, options: options.object, dryRun: options.dryRun,
  }
  const binding = await admit(context, attributesOf(context, { ...input, object: sent })) as Binding
  const errors = [...validateBinding(binding)]
  if (errors.length > 0) throw plainError(aggregateText(errors))
  await deps.admission.validate(attributesOf(context, { ...input, object: binding }))
  const pods = deps.registry.store('', 'pods')
  if (pods === undefined) throw notFound({ resource: 'pods' }, name)
  const now = formatTime(deps.env.clock.now())
  await pods.modify(info.namespace, name, (pod) => bound(pod as BoundPod, binding, now), { dryRun: options.dryRun, signal: request.signal })
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
  return { type: 'object', code: 201, object: status }
}

function* validateBinding(binding: Binding): Iterable<FieldError> {
  const { kind = '', name = '' } = binding.target ?? {}
  if (kind !== '' && kind !== 'Node') yield fieldNotSupported('target.kind', kind, ['Node', '<empty>'])
  if (name === '') yield fieldRequired('target.name')
}

/** The pod on its node. Throws 409 when it cannot be bound. */
function bound(pod: BoundPod, binding: Binding, now: string): KubeObject {
  const { metadata } = pod
  checkBinding(pod, binding)
  const { nominatedNodeName: _, ...status } = pod.status ?? {}
  return {
    ...pod,
    metadata: {
      ...metadata,
      ...(binding.metadata.annotations === undefined ? {} : { annotations: { ...metadata.annotations, ...binding.metadata.annotations } }),
      ...(binding.metadata.labels === undefined ? {} : { labels: { ...metadata.labels, ...binding.metadata.labels } }),
    },
    spec: { ...pod.spec, nodeName: binding.target!.name! },
    status: { ...status, conditions: withCondition(status.conditions ?? [], { type: 'PodScheduled', status: 'True' }, now) },
  }
}

function checkBinding(pod: BoundPod, binding: Binding): void {
  const { name = '', uid, resourceVersion, deletionTimestamp } = pod.metadata
  const refuse = (why: string) => conflict({ resource: 'pods/binding' }, name, why)
  const wanted = binding.metadata
  const precondition = (what: string, given: string, is: string | undefined) =>
    conflict({ resource: 'pods' }, name, `StorageError: invalid object, Code: 4, Key: /registry/pods/${pod.metadata.namespace}/${name}, `
      + `ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${what} in precondition: ${given}, ${what} in object meta: ${is}`)
  if (wanted.uid && wanted.uid !== uid) throw precondition('UID', wanted.uid, uid)
  if (wanted.resourceVersion && wanted.resourceVersion !== resourceVersion) {
    throw precondition('ResourceVersion', wanted.resourceVersion, resourceVersion)
  }
  if (deletionTimestamp) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`)
  if (pod.spec.nodeName) throw refuse(`pod ${name} is already assigned to node ${goQuote(pod.spec.nodeName)}`)
  if ((pod.spec.schedulingGates?.length ?? 0) > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`)
}

/** Conditions with this one set; its transition time moves only with its status. */
export function withCondition(conditions: readonly PodCondition[], condition: PodCondition, now: string): PodCondition[] {
  const old = conditions.find((c) => c.type === condition.type)
  const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : now
  const next = { lastProbeTime: null, lastTransitionTime, ...condition }
  return old === undefined ? [...conditions, next] : conditions.map((c) => (c === old ? next : c))
}
