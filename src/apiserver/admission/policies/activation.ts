/** What the expressions of admission see of a request (admission/plugin/cel/{activation,condition}.go). */
import { type AccessDecider, authorizerValue, requestResourceValue } from '../../../api/cel/index.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import type { Activation } from '../../../api/cel/admission/evaluate.ts'
import type { Attributes } from '../contract.ts'
import type { Seen } from '../webhooks/invocation.ts'

export interface Shown {
  readonly attributes: Attributes
  readonly seen: Seen
  readonly object: KubeObject | undefined
  readonly oldObject: KubeObject | undefined
  readonly params?: KubeObject | undefined
  readonly namespace?: KubeObject | undefined
  readonly access: AccessDecider
}

export function activationOf({ attributes, seen, object, oldObject, params, namespace, access }: Shown): Activation {
  const { user, resource, subresource, name } = attributes
  const authorizer = authorizerValue(user, access)
  return {
    object: object ?? null, oldObject: oldObject ?? null, params: params ?? null, request: requestOf(attributes, seen),
    namespaceObject: namespace === undefined ? null : namespaceOf(namespace), authorizer,
    'authorizer.requestResource': requestResourceValue(authorizer, {
      apiGroup: resource.group, resource: resource.resource, subresource, namespace: attributes.namespace, name,
    }),
  }
}

function requestOf(a: Attributes, seen: Seen): Readonly<Record<string, unknown>> {
  const { user, subresource } = a
  const given = (field: string, value: string): Record<string, string> => (value === '' ? {} : { [field]: value })
  return {
    uid: '', kind: { ...seen.kind }, resource: { ...seen.resource }, ...given('subResource', subresource),
    requestKind: { ...a.kind }, requestResource: { ...a.resource }, ...given('requestSubResource', subresource),
    ...given('name', a.name), ...given('namespace', a.namespace), operation: a.operation,
    userInfo: {
      ...given('username', user.name), ...given('uid', user.uid ?? ''), ...(user.groups.length === 0 ? {} : { groups: user.groups }),
      ...(Object.keys(user.extra ?? {}).length === 0 ? {} : { extra: user.extra }),
    },
    object: null, oldObject: null, dryRun: a.dryRun, options: a.options ?? null,
  }
}

/** Who owns and manages it is not shown. */
function namespaceOf(namespace: KubeObject): unknown {
  const { managedFields: _, ownerReferences: __, selfLink: ___, ...metadata } = namespace.metadata
  return { metadata, spec: namespace['spec'] ?? {}, status: namespace['status'] ?? {} }
}
