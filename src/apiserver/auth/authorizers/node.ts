/** What kubelets may do (upstream: plugin/pkg/auth/authorizer/node/node_authorizer.go). */
import type { UserInfo } from '../../handler.ts'
import { type Attributes, type Authorizer, type PolicyRule, type Verdict, allow, noOpinion } from '../contract.ts'
import type { GraphKind, NodeGraph } from './node-graph.ts'
import { ruleAllows } from './rbac.ts'

const userPrefix = 'system:node:'
const nodesGroup = 'system:nodes'
const leaseNamespace = 'kube-node-lease'

/** The node that a user is; undefined when it is none. */
export function nodeNameOf(user: UserInfo): string | undefined {
  return user.name.startsWith(userPrefix) && user.groups.includes(nodesGroup) ? user.name.slice(userPrefix.length) : undefined
}

type Check = (graph: NodeGraph, node: string, attributes: Attributes) => Verdict

/** Resources that are decided object by object; all others follow the fixed rules of system:node. */
const checks: Readonly<Record<string, Check>> = {
  '/secrets': (graph, node, a) => readNamespaced(graph, node, 'secret', a),
  '/configmaps': (graph, node, a) => readNamespaced(graph, node, 'configmap', a),
  '/persistentvolumeclaims': (graph, node, a) => (a.subresource === 'status' ? claimStatus(graph, node, a) : getOne(graph, node, 'pvc', a)),
  '/persistentvolumes': (graph, node, a) => getOne(graph, node, 'pv', a),
  '/serviceaccounts': serviceAccount,
  '/nodes': (_graph, node, a) => ownNode(node, a),
  '/pods': pod,
  'resource.k8s.io/resourceclaims': (graph, node, a) => getOne(graph, node, 'resourceclaim', a),
  'resource.k8s.io/resourceslices': slice,
  'storage.k8s.io/volumeattachments': (graph, node, a) => getOne(graph, node, 'volumeattachment', a),
  'storage.k8s.io/csinodes': (_graph, node, a) => csiNode(node, a),
  'coordination.k8s.io/leases': (_graph, node, a) => lease(node, a),
  'certificates.k8s.io/podcertificaterequests': certificateRequest,
}

export function nodeAuthorizer(graph: NodeGraph, rules: readonly PolicyRule[]): Authorizer {
  return {
    name: 'Node',
    authorize(attributes) {
      const node = nodeNameOf(attributes.user)
      if (node === undefined) return noOpinion()
      if (node === '') return noOpinion(`unknown node for user ${JSON.stringify(attributes.user.name)}`)
      const check = attributes.isResourceRequest ? checks[`${attributes.apiGroup}/${attributes.resource}`] : undefined
      if (check !== undefined) return check(graph, node, attributes)
      return rules.some((rule) => ruleAllows(rule, attributes)) ? allow() : noOpinion()
    },
    rulesFor(user) {
      if (nodeNameOf(user) === undefined) return { rules: [], incomplete: false, errors: [] }
      return { rules: [], incomplete: true, errors: ['node authorizer does not support user rule resolution'] }
    },
  }
}

function related(graph: NodeGraph, node: string, kind: GraphKind, { namespace, name }: Attributes): Verdict {
  if (name === '') return noOpinion('No Object name found')
  if (graph.reaches(node, kind, namespace, name)) return allow()
  return noOpinion(`no relationship found between node '${node}' and this object`)
}

function getOne(graph: NodeGraph, node: string, kind: GraphKind, attributes: Attributes): Verdict {
  if (attributes.verb !== 'get') return noOpinion('can only get individual resources of this type')
  if (attributes.subresource !== '') return noOpinion('cannot get subresource')
  return related(graph, node, kind, attributes)
}

function readNamespaced(graph: NodeGraph, node: string, kind: GraphKind, attributes: Attributes): Verdict {
  if (!['get', 'list', 'watch'].includes(attributes.verb)) return noOpinion('can only read resources of this type')
  if (attributes.subresource !== '') return noOpinion('cannot read subresource')
  if (attributes.namespace === '') return noOpinion('can only read namespaced object of this type')
  return related(graph, node, kind, attributes)
}

function claimStatus(graph: NodeGraph, node: string, attributes: Attributes): Verdict {
  if (!['update', 'patch'].includes(attributes.verb)) return noOpinion('can only get/update/patch this type')
  return related(graph, node, 'pvc', attributes)
}

function serviceAccount(graph: NodeGraph, node: string, attributes: Attributes): Verdict {
  if (attributes.verb === 'get' && attributes.subresource === '') return readNamespaced(graph, node, 'serviceaccount', attributes)
  if (attributes.verb !== 'create' || attributes.name === '') return noOpinion('can only create tokens for individual service accounts')
  if (attributes.subresource !== 'token') return noOpinion('can only create token subresource of serviceaccount')
  return related(graph, node, 'serviceaccount', attributes)
}

const ownVerbs = ['get', 'create', 'update', 'patch', 'delete']

function lease(node: string, { verb, namespace, name }: Attributes): Verdict {
  if (!ownVerbs.includes(verb)) return noOpinion('can only get, create, update, patch, or delete a node lease')
  if (namespace !== leaseNamespace) return noOpinion(`can only access leases in the ${JSON.stringify(leaseNamespace)} system namespace`)
  if (verb !== 'create' && name !== node) return noOpinion('can only access node lease with the same name as the requesting node')
  return allow()
}

function csiNode(node: string, { verb, subresource, name }: Attributes): Verdict {
  if (!ownVerbs.includes(verb)) return noOpinion('can only get, create, update, patch, or delete a CSINode')
  if (subresource !== '') return noOpinion('cannot authorize CSINode subresources')
  if (verb !== 'create' && name !== node) return noOpinion('can only access CSINode with the same name as the requesting node')
  return allow()
}

function slice(graph: NodeGraph, node: string, attributes: Attributes): Verdict {
  if (attributes.subresource !== '') return noOpinion('cannot authorize ResourceSlice subresources')
  switch (attributes.verb) {
    case 'create':
      return allow()
    case 'get': case 'update': case 'patch': case 'delete':
      return related(graph, node, 'resourceslice', attributes)
    case 'watch': case 'list': case 'deletecollection':
      if (selects(attributes, 'spec.nodeName', node)) return allow()
      return noOpinion('can only list/watch/deletecollection resourceslices with nodeName field selector')
    default:
      return noOpinion('only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection')
  }
}

function certificateRequest(graph: NodeGraph, node: string, attributes: Attributes): Verdict {
  if (attributes.subresource !== '') return noOpinion('nodes may not access the status subresource of PodCertificateRequests')
  switch (attributes.verb) {
    case 'create':
      return allow()
    case 'get':
      return related(graph, node, 'podcertificaterequest', attributes)
    case 'list': case 'watch':
      if (selects(attributes, 'spec.nodeName', node)) return allow()
      return noOpinion('can only list/watch podcertificaterequests with nodeName field selector')
    default:
      return noOpinion(`nodes may not ${attributes.verb} podcertificaterequests`)
  }
}

/** Nodes write their own object only, which the NodeRestriction plugin sees to. */
function ownNode(node: string, { verb, subresource, name }: Attributes): Verdict {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allow() : noOpinion()
  if (subresource !== '') return noOpinion()
  if (verb === 'create' || verb === 'update' || verb === 'patch') return allow()
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return noOpinion()
  if (name === node) return allow()
  if (name === '') return noOpinion(`node '${node}' cannot read all nodes, only its own Node object`)
  return noOpinion(`node '${node}' cannot read '${name}', only its own Node object`)
}

function pod(graph: NodeGraph, node: string, attributes: Attributes): Verdict {
  const { verb, subresource } = attributes
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allow() : noOpinion()
  if (subresource === 'eviction') return verb === 'create' ? allow() : noOpinion()
  if (subresource !== '') return noOpinion()
  switch (verb) {
    case 'get':
      return getOne(graph, node, 'pod', attributes)
    case 'list': case 'watch':
      if (selects(attributes, 'spec.nodeName', node)) return allow()
      if (attributes.name !== '') return related(graph, node, 'pod', attributes)
      return noOpinion('can only list/watch pods with spec.nodeName field selector')
    case 'create': case 'delete':
      return allow()
    default:
      return noOpinion()
  }
}

/** Whether the request is narrowed to one value of a field. */
function selects({ fieldSelector }: Attributes, field: string, value: string): boolean {
  return fieldSelector?.split(',').some((term) => {
    const match = /^\s*([^=!\s]+)={1,2}(.*)$/.exec(term)
    return match !== null && match[1] === field && match[2]!.trim() === value
  }) ?? false
}
