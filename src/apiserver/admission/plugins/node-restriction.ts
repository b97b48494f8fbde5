/** A kubelet changes its own node and its own pods, nothing else (upstream: NodeRestriction). */
import { csiDrivers, nodes, persistentVolumeClaims, persistentVolumes, pods, serviceAccounts } from '../../../api/generated/resources.ts'
import type { TokenRequest } from '../../../api/generated/types/authentication-v1.ts'
import type { CertificateSigningRequest } from '../../../api/generated/types/certificates-v1.ts'
import type { PodCertificateRequest } from '../../../api/generated/types/certificates-v1beta1.ts'
import type { Node, PersistentVolumeClaim, Pod, Volume } from '../../../api/generated/types/core-v1.ts'
import type { ResourceSlice } from '../../../api/generated/types/resource-v1.ts'
import { StatusError, notFound } from '../../../api/meta/errors.ts'
import type { OwnerReference, Resource } from '../../../api/meta/object.ts'
import type { UserInfo } from '../../handler.ts'
import { parseSubject } from '../certificate-request.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isOperation, objectOf, oldObjectOf, refuse, same, type PluginContext } from '../context.ts'
import { apiReference, isMirrorPod, mirrorAnnotation } from '../pod-references.ts'

const userPrefix = 'system:node:'

/** The node that a user is; undefined for users that are none, '' for one whose name does not say which. */
export function nodeOf(user: UserInfo): string | undefined {
  if (!user.groups.includes('system:nodes')) return undefined
  return user.name.startsWith(userPrefix) ? user.name.slice(userPrefix.length) : undefined
}

const kubeletLabels = new Set([
  'kubernetes.io/hostname', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/region', 'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type', 'kubernetes.io/os', 'kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/arch',
])

const within = (domain: string, parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`)

/** Labels that a kubelet may not set on its node. */
export function forbiddenLabel(key: string): boolean {
  const domain = key.includes('/') ? key.slice(0, key.indexOf('/')) : ''
  if (within(domain, 'node-restriction.kubernetes.io')) return true
  const ofKubernetes = within(domain, 'kubernetes.io') || within(domain, 'k8s.io')
  return ofKubernetes && !kubeletLabels.has(key) && !within(domain, 'kubelet.kubernetes.io') && !within(domain, 'node.kubernetes.io')
}

function changedForbiddenLabels(node: Node, old: Node | undefined): string[] {
  const [now, before] = [node.metadata.labels ?? {}, old?.metadata.labels ?? {}]
  const changed = [...new Set([...Object.keys(now), ...Object.keys(before)])].filter((key) => now[key] !== before[key])
  return changed.filter(forbiddenLabel).sort()
}

const quote = JSON.stringify

function admitNode(a: Attributes, node: string): void {
  if (a.name !== node && !(a.name === '' && a.object?.metadata.name === node)) {
    throw refuse(a, `node ${quote(node)} is not allowed to modify node ${quote(a.name)}`)
  }
  if (a.operation === 'DELETE') return
  const object = objectOf<Node>(a)
  const old = a.operation === 'UPDATE' ? oldObjectOf<Node>(a) : undefined
  if (old === undefined && object.spec?.configSource !== undefined) {
    throw refuse(a, `node ${quote(node)} is not allowed to create pods with a non-nil configSource`)
  }
  if (old !== undefined) {
    if (object.spec?.configSource !== undefined && !same(object.spec.configSource, old.spec?.configSource)) {
      throw refuse(a, `node ${quote(node)} is not allowed to update configSource to a new non-nil configSource`)
    }
    if (!same(object.spec?.taints ?? [], old.spec?.taints ?? [])) throw refuse(a, `node ${quote(node)} is not allowed to modify taints`)
    if (!same(object.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? [])) {
      throw refuse(a, `node ${quote(node)} is not allowed to modify ownerReferences`)
    }
  }
  const labels = changedForbiddenLabels(object, old)
  if (labels.length === 0) return
  throw refuse(a, old === undefined ? `node ${quote(node)} is not allowed to set the following labels: ${labels.join(', ')}`
    : `is not allowed to modify labels: ${labels.join(', ')}`)
}

function checkOwner(a: Attributes, node: string, owners: readonly OwnerReference[]): void {
  if (owners.length > 1) throw refuse(a, `node ${quote(node)} can only create pods with a single owner reference set to itself`)
  const owner = owners[0]
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw refuse(a, `node ${quote(node)} can only create pods with an owner reference set to itself`)
  }
  if (owner.controller !== true) throw refuse(a, `node ${quote(node)} can only create pods with a controller owner reference set to itself`)
  if (owner.blockOwnerDeletion === true) throw refuse(a, `node ${quote(node)} must not set blockOwnerDeletion on an owner reference`)
}

function admitPodStatus(a: Attributes, node: string): void {
  if (a.operation !== 'UPDATE') throw refuse(a, `unexpected operation ${quote(a.operation)}`)
  const [pod, old] = [objectOf<Pod>(a), oldObjectOf<Pod>(a)]
  if (old.spec?.nodeName !== node) throw refuse(a, `node ${quote(node)} can only update pod status for pods with spec.nodeName set to itself`)
  if (!same(pod.metadata.labels ?? {}, old.metadata.labels ?? {})) throw refuse(a, `node ${quote(node)} cannot update labels through pod status`)
  if (!same(pod.status?.resourceClaimStatuses ?? [], old.status?.resourceClaimStatuses ?? [])) {
    throw refuse(a, `node ${quote(node)} cannot update resource claim statues`)
  }
  if (!same(pod.status?.extendedResourceClaimStatus, old.status?.extendedResourceClaimStatus)) {
    throw refuse(a, `node ${quote(node)} cannot update extended resource claim status`)
  }
}

function withoutNodesPart(claim: PersistentVolumeClaim): unknown {
  const { managedFields: _m, resourceVersion: _r, ...metadata } = claim.metadata
  const { capacity: _c, conditions: _n, allocatedResourceStatuses: _s, allocatedResources: _a, ...status } = claim.status ?? {}
  return { ...claim, metadata, status }
}

function admitClaim(a: Attributes, node: string): void {
  if (a.subresource !== 'status') throw refuse(a, 'may only update PVC status')
  if (a.operation !== 'UPDATE') throw refuse(a, `unexpected operation ${quote(a.operation)}`)
  if (!same(withoutNodesPart(objectOf(a)), withoutNodesPart(oldObjectOf(a)))) {
    throw refuse(a, `node ${quote(node)} is not allowed to update fields other than status.quantity and status.conditions`)
  }
}

function admitOwnName(a: Attributes, node: string, why: string): void {
  const name = a.operation === 'CREATE' ? a.object?.metadata.name : a.name
  if (name !== node) throw refuse(a, why)
}

function admitSlice(a: Attributes, node: string): void {
  const verb = a.operation === 'CREATE' ? 'create' : a.operation === 'DELETE' ? 'delete' : undefined
  const slice = a.operation === 'CREATE' ? objectOf<ResourceSlice>(a) : oldObjectOf<ResourceSlice>(a)
  if (verb !== undefined && slice?.spec.nodeName !== node) {
    throw refuse(a, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`)
  }
}

const nodeSigners = ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet']

async function admitSigningRequest(a: Attributes, node: string): Promise<void> {
  if (a.operation !== 'CREATE') return
  const { spec } = objectOf<CertificateSigningRequest>(a)
  if (!nodeSigners.includes(spec.signerName)) return
  const { commonName } = await parseSubject(spec.request).catch((error: unknown) => {
    throw refuse(a, `unable to parse csr: ${error instanceof Error ? error.message : String(error)}`)
  })
  if (commonName !== userPrefix + node) throw refuse(a, `can only create a node CSR with CN=${userPrefix}${node}`)
}

/** The parts that look at other objects. */
class References {
  readonly #context: PluginContext
  constructor(context: PluginContext) {
    this.#context = context
  }

  #pod(namespace: string, name: string): Pod {
    return this.#listed(pods, 'pod', namespace, name)
  }

  admitPod(a: Attributes, node: string): void {
    if (a.operation === 'DELETE') {
      if (this.#pod(a.namespace, a.name).spec?.nodeName !== node) {
        throw refuse(a, `node ${quote(node)} can only delete pods with spec.nodeName set to itself`)
      }
    } else if (a.operation === 'CREATE') this.#admitMirrorPod(a, node)
    else throw refuse(a, `unexpected operation ${quote(a.operation)}, node ${quote(node)} can only create and delete mirror pods`)
  }

  #admitMirrorPod(a: Attributes, node: string): void {
    const pod = objectOf<Pod>(a)
    if (!isMirrorPod(pod)) throw refuse(a, `pod does not have ${quote(mirrorAnnotation)} annotation, node ${quote(node)} can only create mirror pods`)
    if (pod.spec?.nodeName !== node) throw refuse(a, `node ${quote(node)} can only create pods with spec.nodeName set to itself`)
    const owners = pod.metadata.ownerReferences ?? []
    checkOwner(a, node, owners)
    const uid = this.#context.lister.get(nodes, '', node)?.metadata.uid
    if (uid === undefined) throw notFound({ resource: 'nodes' }, node)
    if (owners[0]!.uid !== uid) throw refuse(a, `node ${node} UID mismatch: expected ${owners[0]!.uid} got ${uid}`)
    const kind = apiReference(pod)
    if (kind !== undefined) throw refuse(a, `node ${quote(node)} can not create pods that reference ${kind}`)
  }

  admitEviction(a: Attributes, node: string): void {
    if (a.operation !== 'CREATE') throw refuse(a, `unexpected operation ${a.operation}`)
    const name = a.name || a.object?.metadata.name || ''
    if (name === '') throw refuse(a, 'could not determine pod from request data')
    if (this.#pod(a.namespace, name).spec?.nodeName !== node) throw refuse(a, `node ${node} can only evict pods with spec.nodeName set to itself`)
  }

  async admitToken(a: Attributes, node: string): Promise<void> {
    if (a.operation !== 'CREATE' || a.subresource !== 'token') return
    const spec = objectOf<TokenRequest>(a).spec!
    const ref = spec.boundObjectRef
    if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name) throw refuse(a, 'node requested token not bound to a pod')
    if (!ref.uid) throw refuse(a, 'node requested token with a pod binding without a uid')
    const pod = this.#pod(a.namespace, ref.name)
    if (ref.uid !== pod.metadata.uid) {
      throw refuse(a, `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`)
    }
    if (pod.spec?.nodeName !== node) throw refuse(a, 'node requested token bound to a pod scheduled on a different node')
    await this.#admitAudience(a, spec.audiences ?? [], pod)
  }

  async #admitAudience(a: Attributes, audiences: readonly string[], pod: Pod): Promise<void> {
    if (audiences.length > 1) throw refuse(a, 'node may only request 0 or 1 audiences')
    const audience = audiences[0] ?? ''
    const failures: string[] = []
    for (const volume of pod.spec?.volumes ?? []) {
      try {
        if (this.#namesAudience(volume, pod, audience)) return
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        if (!failures.includes(error.message)) failures.push(error.message)
      }
    }
    if (failures.length > 0) throw refuse(a, `error validating audience ${quote(audience)}: ${failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`}`)
    const verb = 'request-serviceaccounts-token-audience'
    if ((await this.#context.authorize(a.user, { verb, version: 'v1', resource: audience, namespace: a.namespace, name: a.name })).allowed) return
    throw refuse(a, `audience ${quote(audience)} not found in pod spec volume, ${a.user.name} is not authorized to request tokens for this audience`)
  }

  /** Whether the volume's token is for the audience, told by itself or by its CSI driver. Throws what upstream's listers say of what is missing. */
  #namesAudience(volume: Volume, pod: Pod, audience: string): boolean {
    const namespace = pod.metadata.namespace ?? ''
    if (volume.projected?.sources?.some((s) => s.serviceAccountToken !== undefined && (s.serviceAccountToken.audience ?? '') === audience)) return true
    const claimName = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`)
    const volumeName = claimName === undefined ? undefined : this.#listed(persistentVolumeClaims, 'persistentvolumeclaim', namespace, claimName).spec?.volumeName ?? ''
    const bound = volumeName === undefined ? undefined : this.#listed(persistentVolumes, 'persistentvolume', '', volumeName)
    const driver = volume.csi?.driver ?? bound?.spec?.csi?.driver ?? ''
    if (driver === '') return false
    return this.#listed(csiDrivers, 'csidriver', '', driver).spec.tokenRequests?.some((r) => r.audience === audience) === true
  }

  /** Not found as upstream's listers say it, by the singular. */
  #listed<T>(resource: Resource<T>, singular: string, namespace: string, name: string): T {
    const found = this.#context.lister.get(resource, namespace, name)
    if (found === undefined) throw notFound({ group: resource.group, resource: singular }, name)
    return found
  }

  admitPodCertificate(a: Attributes, node: string): void {
    if (a.operation !== 'CREATE') throw refuse(a, `unexpected operation ${a.operation}`)
    if (a.subresource !== '') throw refuse(a, `unexpected subresource ${a.subresource}`)
    const { lister } = this.#context
    const spec = objectOf<PodCertificateRequest>(a).spec!
    if (spec.nodeName !== node) throw refuse(a, `PodCertificateRequest.Spec.NodeName=${quote(spec.nodeName)}, which is not the requesting node ${quote(node)}`)
    const key = `${a.namespace}/${spec.podName}`
    const uid = lister.get(nodes, '', node)?.metadata.uid
    if (uid !== spec.nodeUID) throw refuse(a, `PodCertificateRequest for pod ${quote(key)} names node UID ${quote(spec.nodeUID)}, inconsistent with the running node (${quote(uid ?? '')})`)
    const pod = this.#pod(a.namespace, spec.podName)
    if (pod.metadata.uid !== spec.podUID) throw refuse(a, `PodCertificateRequest for pod ${quote(key)} contains pod UID (${quote(spec.podUID)}) which differs from running pod ${quote(pod.metadata.uid ?? '')}`)
    if (pod.spec?.nodeName !== node) throw refuse(a, `pod ${quote(key)} is not running on node ${quote(node)} named in the PodCertificateRequest`)
    if (isMirrorPod(pod)) throw refuse(a, `pod ${quote(key)} is a mirror pod`)
    if (pod.spec.serviceAccountName !== spec.serviceAccountName) {
      throw refuse(a, `PodCertificateRequest for pod ${quote(key)} contains serviceAccountName (${quote(spec.serviceAccountName)}) that differs from running pod (${quote(pod.spec.serviceAccountName ?? '')})`)
    }
    const account = lister.get(serviceAccounts, a.namespace, spec.serviceAccountName)
    if (account?.metadata.uid !== spec.serviceAccountUID) {
      throw refuse(a, `PodCertificateRequest for pod ${quote(key)} names service account UID ${quote(spec.serviceAccountUID)}, which differs from the running service account (${quote(account?.metadata.uid ?? '')})`)
    }
  }
}

function admitLease(a: Attributes, node: string): void {
  if (a.namespace !== 'kube-node-lease') throw refuse(a, 'can only access leases in the "kube-node-lease" system namespace')
  admitOwnName(a, node, 'can only access node lease with the same name as the requesting node')
}

export function nodeRestriction(context: PluginContext): AdmissionPlugin {
  const references = new References(context)
  type Rule = (a: Attributes, node: string) => void | Promise<void>
  const pod: Rule = (a, node) => {
    if (a.subresource === '') references.admitPod(a, node)
    else if (a.subresource === 'status') admitPodStatus(a, node)
    else if (a.subresource === 'eviction') references.admitEviction(a, node)
    else throw refuse(a, `unexpected pod subresource ${quote(a.subresource)}, only 'status' and 'eviction' are allowed`)
  }
  const rules: Readonly<Record<string, Rule>> = {
    'pods.': pod,
    'nodes.': admitNode,
    'persistentvolumeclaims.': admitClaim,
    'serviceaccounts.': (a, node) => references.admitToken(a, node),
    'podcertificaterequests.certificates.k8s.io': (a, node) => references.admitPodCertificate(a, node),
    'leases.coordination.k8s.io': admitLease,
    'csinodes.storage.k8s.io': (a, node) => admitOwnName(a, node, 'can only access CSINode with the same name as the requesting node'),
    'resourceslices.resource.k8s.io': admitSlice,
    'certificatesigningrequests.certificates.k8s.io': admitSigningRequest,
  }
  const ruleOf = (a: Attributes): Rule | undefined => rules[`${a.resource.resource}.${a.resource.group}`]
  return {
    name: 'NodeRestriction',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE', 'DELETE') && ruleOf(a) !== undefined && a.user.groups.includes('system:nodes'),
    async admit(a) {
      const node = nodeOf(a.user)
      if (node === undefined) return
      if (node === '') throw refuse(a, `could not determine node from user ${quote(a.user.name)}`)
      await ruleOf(a)!(a, node)
    },
  }
}
