/** Roles of controllers that only run with a gate that is off by default, and rules that such gates add (upstream: bootstrappolicy/controller_policy.go). */
import type { ClusterRole, ClusterRoleBinding } from '../../../api/generated/types/rbac-v1.ts'
import type { PolicyRule } from '../../auth/contract.ts'

const rule = (verbs: string, apiGroups: readonly string[], resources: readonly string[], resourceNames?: readonly string[]): PolicyRule =>
  ({ verbs: verbs.split(' '), apiGroups, resources, ...(resourceNames === undefined ? {} : { resourceNames }) })
const events = rule('create patch update', ['', 'events.k8s.io'], ['events'])
const read = 'get list watch'
const [core, resource, scheduling, certificates] = [[''], ['resource.k8s.io'], ['scheduling.k8s.io'], ['certificates.k8s.io']]

interface Gated {
  readonly account: string
  /** All of them must be on. */
  readonly gates: readonly string[]
  readonly rules: readonly PolicyRule[]
}

const gated: readonly Gated[] = [
  { account: 'podcertificaterequestcleaner', gates: ['PodCertificateRequest'], rules: [rule('delete get list watch', certificates, ['podcertificaterequests'])] },
  {
    account: 'kube-apiserver-serving-clustertrustbundle-publisher', gates: ['ClusterTrustBundle'],
    rules: [
      rule('attest', certificates, ['signers'], ['kubernetes.io/kube-apiserver-serving']), rule('create delete list update watch', certificates, ['clustertrustbundles']), events,
    ],
  },
  { account: 'podgroup-protection-controller', gates: ['GenericWorkload'], rules: [rule('get list update watch', scheduling, ['podgroups']), rule(read, core, ['pods'])] },
  {
    account: 'resourcepoolstatusrequest-controller', gates: ['DynamicResourceAllocation', 'DRAResourcePoolStatus'],
    rules: [
      rule('delete get list watch', resource, ['resourcepoolstatusrequests']), rule('patch update', resource, ['resourcepoolstatusrequests/status']),
      rule(read, resource, ['resourceslices']), rule(read, resource, ['resourceclaims']), events,
    ],
  },
  {
    account: 'storage-version-garbage-collector', gates: ['StorageVersionAPI', 'APIServerIdentity'],
    rules: [
      rule(read, ['coordination.k8s.io'], ['leases']), rule('delete get list patch update watch', ['internal.apiserver.k8s.io'], ['storageversions']),
      rule('get patch update', ['internal.apiserver.k8s.io'], ['storageversions/status']),
    ],
  },
  {
    account: 'storage-version-migrator-controller', gates: ['StorageVersionMigrator'],
    rules: [
      rule('create list patch', ['*'], ['*']), rule('get', ['apiextensions.k8s.io'], ['customresourcedefinitions']),
      rule('patch', ['apiextensions.k8s.io'], ['customresourcedefinitions/status']), rule('update', ['storagemigration.k8s.io'], ['storageversionmigrations/status']),
    ],
  },
]

/** More for the roles that are there anyway, by gate and role. */
export const gatedControllerRules: Readonly<Record<string, Readonly<Record<string, readonly PolicyRule[]>>>> = {
  DRADeviceTaintRules: { 'system:controller:device-taint-eviction-controller': [rule('patch update', resource, ['devicetaintrules/status']), rule(read, resource, ['devicetaintrules'])] },
  DRAWorkloadResourceClaims: { 'system:controller:resource-claim-controller': [rule(read, scheduling, ['podgroups']), rule('patch update', scheduling, ['podgroups/status'])] },
  WorkloadWithJob: { 'system:controller:job-controller': [rule('create get list watch', scheduling, ['workloads', 'podgroups'])] },
}

/** More for nodes, by gate. */
export const gatedNodeRules: Readonly<Record<string, readonly PolicyRule[]>> = {
  ClusterTrustBundle: [rule(read, certificates, ['clustertrustbundles'])],
  PodCertificateRequest: [rule('get list watch create', certificates, ['podcertificaterequests'])],
}

const bootstrap = { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' }, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } }
const apiGroup = 'rbac.authorization.k8s.io'

/** Roles and bindings of the controllers, and those for everybody, whose gates are on, unless `known` has them. */
export function gatedControllers(feature: (name: string) => boolean, known: ReadonlySet<string>): { readonly roles: readonly ClusterRole[]; readonly bindings: readonly ClusterRoleBinding[] } {
  const wanted = gated.filter(({ account, gates }) => gates.every(feature) && !known.has(`system:controller:${account}`))
  const metadataOf = (account: string) => ({ name: `system:controller:${account}`, ...bootstrap })
  const everybody = feature('ClusterTrustBundle') ? ['system:cluster-trust-bundle-discovery'] : []
  return {
    roles: [...everybody.map((name) => ({
      apiVersion: `${apiGroup}/v1`, kind: 'ClusterRole', metadata: { name, ...bootstrap }, rules: [rule(read, certificates, ['clustertrustbundles'])] as ClusterRole['rules'] & object,
    })), ...wanted.map(({ account, rules }) => ({ apiVersion: `${apiGroup}/v1`, kind: 'ClusterRole', metadata: metadataOf(account), rules: rules as ClusterRole['rules'] & object }))],
    bindings: [...everybody.map((name) => ({
      apiVersion: `${apiGroup}/v1`, kind: 'ClusterRoleBinding', metadata: { name, ...bootstrap }, roleRef: { apiGroup, kind: 'ClusterRole', name },
      subjects: [{ kind: 'Group', apiGroup, name: 'system:serviceaccounts' }],
    })), ...wanted.map(({ account }) => ({
      apiVersion: `${apiGroup}/v1`, kind: 'ClusterRoleBinding', metadata: metadataOf(account), roleRef: { apiGroup, kind: 'ClusterRole', name: `system:controller:${account}` },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: 'kube-system' }],
    }))],
  }
}
