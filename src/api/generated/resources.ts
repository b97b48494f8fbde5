import type { Resource } from '../meta/object.ts'
import type * as admissionregistrationV1Types from './types/admissionregistration-v1.ts'
import type * as admissionregistrationV1alpha1Types from './types/admissionregistration-v1alpha1.ts'
import type * as admissionregistrationV1beta1Types from './types/admissionregistration-v1beta1.ts'
import type * as apiextensionsV1Types from './types/apiextensions-v1.ts'
import type * as apiregistrationV1Types from './types/apiregistration-v1.ts'
import type * as appsV1Types from './types/apps-v1.ts'
import type * as authenticationV1Types from './types/authentication-v1.ts'
import type * as authorizationV1Types from './types/authorization-v1.ts'
import type * as autoscalingV1Types from './types/autoscaling-v1.ts'
import type * as autoscalingV2Types from './types/autoscaling-v2.ts'
import type * as batchV1Types from './types/batch-v1.ts'
import type * as certificatesV1Types from './types/certificates-v1.ts'
import type * as certificatesV1alpha1Types from './types/certificates-v1alpha1.ts'
import type * as certificatesV1beta1Types from './types/certificates-v1beta1.ts'
import type * as coordinationV1Types from './types/coordination-v1.ts'
import type * as coordinationV1alpha2Types from './types/coordination-v1alpha2.ts'
import type * as coordinationV1beta1Types from './types/coordination-v1beta1.ts'
import type * as coreV1Types from './types/core-v1.ts'
import type * as discoveryV1Types from './types/discovery-v1.ts'
import type * as eventsV1Types from './types/events-v1.ts'
import type * as flowcontrolV1Types from './types/flowcontrol-v1.ts'
import type * as internalV1alpha1Types from './types/internal-v1alpha1.ts'
import type * as networkingV1Types from './types/networking-v1.ts'
import type * as networkingV1beta1Types from './types/networking-v1beta1.ts'
import type * as nodeV1Types from './types/node-v1.ts'
import type * as policyV1Types from './types/policy-v1.ts'
import type * as rbacV1Types from './types/rbac-v1.ts'
import type * as resourceV1Types from './types/resource-v1.ts'
import type * as resourceV1alpha3Types from './types/resource-v1alpha3.ts'
import type * as resourceV1beta1Types from './types/resource-v1beta1.ts'
import type * as resourceV1beta2Types from './types/resource-v1beta2.ts'
import type * as schedulingV1Types from './types/scheduling-v1.ts'
import type * as schedulingV1alpha2Types from './types/scheduling-v1alpha2.ts'
import type * as storageV1Types from './types/storage-v1.ts'
import type * as storageV1beta1Types from './types/storage-v1beta1.ts'
import type * as storagemigrationV1beta1Types from './types/storagemigration-v1beta1.ts'

export const bindings: Resource<coreV1Types.Binding> = {
  group: '', version: 'v1', resource: 'bindings', kind: 'Binding',
  namespaced: true,
}
export const componentStatuses: Resource<coreV1Types.ComponentStatus> = {
  group: '', version: 'v1', resource: 'componentstatuses', kind: 'ComponentStatus',
  namespaced: false,
}
export const configMaps: Resource<coreV1Types.ConfigMap> = {
  group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap',
  namespaced: true,
}
export const endpoints: Resource<coreV1Types.Endpoints> = {
  group: '', version: 'v1', resource: 'endpoints', kind: 'Endpoints',
  namespaced: true,
}
export const events: Resource<coreV1Types.Event> = {
  group: '', version: 'v1', resource: 'events', kind: 'Event',
  namespaced: true,
}
export const limitRanges: Resource<coreV1Types.LimitRange> = {
  group: '', version: 'v1', resource: 'limitranges', kind: 'LimitRange',
  namespaced: true,
}
export const namespaces: Resource<coreV1Types.Namespace> = {
  group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace',
  namespaced: false,
}
export const nodes: Resource<coreV1Types.Node> = {
  group: '', version: 'v1', resource: 'nodes', kind: 'Node',
  namespaced: false,
}
export const persistentVolumeClaims: Resource<coreV1Types.PersistentVolumeClaim> = {
  group: '', version: 'v1', resource: 'persistentvolumeclaims', kind: 'PersistentVolumeClaim',
  namespaced: true,
}
export const persistentVolumes: Resource<coreV1Types.PersistentVolume> = {
  group: '', version: 'v1', resource: 'persistentvolumes', kind: 'PersistentVolume',
  namespaced: false,
}
export const pods: Resource<coreV1Types.Pod> = {
  group: '', version: 'v1', resource: 'pods', kind: 'Pod',
  namespaced: true,
}
export const podTemplates: Resource<coreV1Types.PodTemplate> = {
  group: '', version: 'v1', resource: 'podtemplates', kind: 'PodTemplate',
  namespaced: true,
}
export const replicationControllers: Resource<coreV1Types.ReplicationController> = {
  group: '', version: 'v1', resource: 'replicationcontrollers', kind: 'ReplicationController',
  namespaced: true,
}
export const resourceQuotas: Resource<coreV1Types.ResourceQuota> = {
  group: '', version: 'v1', resource: 'resourcequotas', kind: 'ResourceQuota',
  namespaced: true,
}
export const secrets: Resource<coreV1Types.Secret> = {
  group: '', version: 'v1', resource: 'secrets', kind: 'Secret',
  namespaced: true,
}
export const serviceAccounts: Resource<coreV1Types.ServiceAccount> = {
  group: '', version: 'v1', resource: 'serviceaccounts', kind: 'ServiceAccount',
  namespaced: true,
}
export const services: Resource<coreV1Types.Service> = {
  group: '', version: 'v1', resource: 'services', kind: 'Service',
  namespaced: true,
}
export const apiServices: Resource<apiregistrationV1Types.APIService> = {
  group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices', kind: 'APIService',
  namespaced: false,
}
export const controllerRevisions: Resource<appsV1Types.ControllerRevision> = {
  group: 'apps', version: 'v1', resource: 'controllerrevisions', kind: 'ControllerRevision',
  namespaced: true,
}
export const daemonSets: Resource<appsV1Types.DaemonSet> = {
  group: 'apps', version: 'v1', resource: 'daemonsets', kind: 'DaemonSet',
  namespaced: true,
}
export const deployments: Resource<appsV1Types.Deployment> = {
  group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment',
  namespaced: true,
}
export const replicaSets: Resource<appsV1Types.ReplicaSet> = {
  group: 'apps', version: 'v1', resource: 'replicasets', kind: 'ReplicaSet',
  namespaced: true,
}
export const statefulSets: Resource<appsV1Types.StatefulSet> = {
  group: 'apps', version: 'v1', resource: 'statefulsets', kind: 'StatefulSet',
  namespaced: true,
}
export const eventsV1: Resource<eventsV1Types.Event> = {
  group: 'events.k8s.io', version: 'v1', resource: 'events', kind: 'Event',
  namespaced: true,
}
export const selfSubjectReviews: Resource<authenticationV1Types.SelfSubjectReview> = {
  group: 'authentication.k8s.io', version: 'v1', resource: 'selfsubjectreviews', kind: 'SelfSubjectReview',
  namespaced: false,
}
export const tokenReviews: Resource<authenticationV1Types.TokenReview> = {
  group: 'authentication.k8s.io', version: 'v1', resource: 'tokenreviews', kind: 'TokenReview',
  namespaced: false,
}
export const localSubjectAccessReviews: Resource<authorizationV1Types.LocalSubjectAccessReview> = {
  group: 'authorization.k8s.io', version: 'v1', resource: 'localsubjectaccessreviews', kind: 'LocalSubjectAccessReview',
  namespaced: true,
}
export const selfSubjectAccessReviews: Resource<authorizationV1Types.SelfSubjectAccessReview> = {
  group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview',
  namespaced: false,
}
export const selfSubjectRulesReviews: Resource<authorizationV1Types.SelfSubjectRulesReview> = {
  group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview',
  namespaced: false,
}
export const subjectAccessReviews: Resource<authorizationV1Types.SubjectAccessReview> = {
  group: 'authorization.k8s.io', version: 'v1', resource: 'subjectaccessreviews', kind: 'SubjectAccessReview',
  namespaced: false,
}
export const horizontalPodAutoscalers: Resource<autoscalingV2Types.HorizontalPodAutoscaler> = {
  group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers', kind: 'HorizontalPodAutoscaler',
  namespaced: true,
}
export const horizontalPodAutoscalersV1: Resource<autoscalingV1Types.HorizontalPodAutoscaler> = {
  group: 'autoscaling', version: 'v1', resource: 'horizontalpodautoscalers', kind: 'HorizontalPodAutoscaler',
  namespaced: true,
}
export const cronJobs: Resource<batchV1Types.CronJob> = {
  group: 'batch', version: 'v1', resource: 'cronjobs', kind: 'CronJob',
  namespaced: true,
}
export const jobs: Resource<batchV1Types.Job> = {
  group: 'batch', version: 'v1', resource: 'jobs', kind: 'Job',
  namespaced: true,
}
export const certificateSigningRequests: Resource<certificatesV1Types.CertificateSigningRequest> = {
  group: 'certificates.k8s.io', version: 'v1', resource: 'certificatesigningrequests', kind: 'CertificateSigningRequest',
  namespaced: false,
}
export const clusterTrustBundles: Resource<certificatesV1beta1Types.ClusterTrustBundle> = {
  group: 'certificates.k8s.io', version: 'v1beta1', resource: 'clustertrustbundles', kind: 'ClusterTrustBundle',
  namespaced: false,
}
export const podCertificateRequests: Resource<certificatesV1beta1Types.PodCertificateRequest> = {
  group: 'certificates.k8s.io', version: 'v1beta1', resource: 'podcertificaterequests', kind: 'PodCertificateRequest',
  namespaced: true,
}
export const clusterTrustBundlesV1Alpha1: Resource<certificatesV1alpha1Types.ClusterTrustBundle> = {
  group: 'certificates.k8s.io', version: 'v1alpha1', resource: 'clustertrustbundles', kind: 'ClusterTrustBundle',
  namespaced: false,
}
export const ingressClasses: Resource<networkingV1Types.IngressClass> = {
  group: 'networking.k8s.io', version: 'v1', resource: 'ingressclasses', kind: 'IngressClass',
  namespaced: false,
}
export const ingresses: Resource<networkingV1Types.Ingress> = {
  group: 'networking.k8s.io', version: 'v1', resource: 'ingresses', kind: 'Ingress',
  namespaced: true,
}
export const ipAddresses: Resource<networkingV1Types.IPAddress> = {
  group: 'networking.k8s.io', version: 'v1', resource: 'ipaddresses', kind: 'IPAddress',
  namespaced: false,
}
export const networkPolicies: Resource<networkingV1Types.NetworkPolicy> = {
  group: 'networking.k8s.io', version: 'v1', resource: 'networkpolicies', kind: 'NetworkPolicy',
  namespaced: true,
}
export const serviceCIDRs: Resource<networkingV1Types.ServiceCIDR> = {
  group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs', kind: 'ServiceCIDR',
  namespaced: false,
}
export const ipAddressesV1Beta1: Resource<networkingV1beta1Types.IPAddress> = {
  group: 'networking.k8s.io', version: 'v1beta1', resource: 'ipaddresses', kind: 'IPAddress',
  namespaced: false,
}
export const serviceCIDRsV1Beta1: Resource<networkingV1beta1Types.ServiceCIDR> = {
  group: 'networking.k8s.io', version: 'v1beta1', resource: 'servicecidrs', kind: 'ServiceCIDR',
  namespaced: false,
}
export const podDisruptionBudgets: Resource<policyV1Types.PodDisruptionBudget> = {
  group: 'policy', version: 'v1', resource: 'poddisruptionbudgets', kind: 'PodDisruptionBudget',
  namespaced: true,
}
export const clusterRoleBindings: Resource<rbacV1Types.ClusterRoleBinding> = {
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterrolebindings', kind: 'ClusterRoleBinding',
  namespaced: false,
}
export const clusterRoles: Resource<rbacV1Types.ClusterRole> = {
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles', kind: 'ClusterRole',
  namespaced: false,
}
export const roleBindings: Resource<rbacV1Types.RoleBinding> = {
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'rolebindings', kind: 'RoleBinding',
  namespaced: true,
}
export const roles: Resource<rbacV1Types.Role> = {
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'roles', kind: 'Role',
  namespaced: true,
}
export const csiDrivers: Resource<storageV1Types.CSIDriver> = {
  group: 'storage.k8s.io', version: 'v1', resource: 'csidrivers', kind: 'CSIDriver',
  namespaced: false,
}
export const csiNodes: Resource<storageV1Types.CSINode> = {
  group: 'storage.k8s.io', version: 'v1', resource: 'csinodes', kind: 'CSINode',
  namespaced: false,
}
export const csiStorageCapacities: Resource<storageV1Types.CSIStorageCapacity> = {
  group: 'storage.k8s.io', version: 'v1', resource: 'csistoragecapacities', kind: 'CSIStorageCapacity',
  namespaced: true,
}
export const storageClasses: Resource<storageV1Types.StorageClass> = {
  group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses', kind: 'StorageClass',
  namespaced: false,
}
export const volumeAttachments: Resource<storageV1Types.VolumeAttachment> = {
  group: 'storage.k8s.io', version: 'v1', resource: 'volumeattachments', kind: 'VolumeAttachment',
  namespaced: false,
}
export const volumeAttributesClasses: Resource<storageV1Types.VolumeAttributesClass> = {
  group: 'storage.k8s.io', version: 'v1', resource: 'volumeattributesclasses', kind: 'VolumeAttributesClass',
  namespaced: false,
}
export const volumeAttributesClassesV1Beta1: Resource<storageV1beta1Types.VolumeAttributesClass> = {
  group: 'storage.k8s.io', version: 'v1beta1', resource: 'volumeattributesclasses', kind: 'VolumeAttributesClass',
  namespaced: false,
}
export const mutatingAdmissionPolicies: Resource<admissionregistrationV1Types.MutatingAdmissionPolicy> = {
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingadmissionpolicies', kind: 'MutatingAdmissionPolicy',
  namespaced: false,
}
export const mutatingAdmissionPolicyBindings: Resource<admissionregistrationV1Types.MutatingAdmissionPolicyBinding> = {
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingadmissionpolicybindings', kind: 'MutatingAdmissionPolicyBinding',
  namespaced: false,
}
export const mutatingWebhookConfigurations: Resource<admissionregistrationV1Types.MutatingWebhookConfiguration> = {
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingwebhookconfigurations', kind: 'MutatingWebhookConfiguration',
  namespaced: false,
}
export const validatingAdmissionPolicies: Resource<admissionregistrationV1Types.ValidatingAdmissionPolicy> = {
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingadmissionpolicies', kind: 'ValidatingAdmissionPolicy',
  namespaced: false,
}
export const validatingAdmissionPolicyBindings: Resource<admissionregistrationV1Types.ValidatingAdmissionPolicyBinding> = {
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingadmissionpolicybindings', kind: 'ValidatingAdmissionPolicyBinding',
  namespaced: false,
}
export const validatingWebhookConfigurations: Resource<admissionregistrationV1Types.ValidatingWebhookConfiguration> = {
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingwebhookconfigurations', kind: 'ValidatingWebhookConfiguration',
  namespaced: false,
}
export const mutatingAdmissionPoliciesV1Beta1: Resource<admissionregistrationV1beta1Types.MutatingAdmissionPolicy> = {
  group: 'admissionregistration.k8s.io', version: 'v1beta1', resource: 'mutatingadmissionpolicies', kind: 'MutatingAdmissionPolicy',
  namespaced: false,
}
export const mutatingAdmissionPolicyBindingsV1Beta1: Resource<admissionregistrationV1beta1Types.MutatingAdmissionPolicyBinding> = {
  group: 'admissionregistration.k8s.io', version: 'v1beta1', resource: 'mutatingadmissionpolicybindings', kind: 'MutatingAdmissionPolicyBinding',
  namespaced: false,
}
export const mutatingAdmissionPoliciesV1Alpha1: Resource<admissionregistrationV1alpha1Types.MutatingAdmissionPolicy> = {
  group: 'admissionregistration.k8s.io', version: 'v1alpha1', resource: 'mutatingadmissionpolicies', kind: 'MutatingAdmissionPolicy',
  namespaced: false,
}
export const mutatingAdmissionPolicyBindingsV1Alpha1: Resource<admissionregistrationV1alpha1Types.MutatingAdmissionPolicyBinding> = {
  group: 'admissionregistration.k8s.io', version: 'v1alpha1', resource: 'mutatingadmissionpolicybindings', kind: 'MutatingAdmissionPolicyBinding',
  namespaced: false,
}
export const customResourceDefinitions: Resource<apiextensionsV1Types.CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', kind: 'CustomResourceDefinition',
  namespaced: false,
}
export const priorityClasses: Resource<schedulingV1Types.PriorityClass> = {
  group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses', kind: 'PriorityClass',
  namespaced: false,
}
export const podGroups: Resource<schedulingV1alpha2Types.PodGroup> = {
  group: 'scheduling.k8s.io', version: 'v1alpha2', resource: 'podgroups', kind: 'PodGroup',
  namespaced: true,
}
export const workloads: Resource<schedulingV1alpha2Types.Workload> = {
  group: 'scheduling.k8s.io', version: 'v1alpha2', resource: 'workloads', kind: 'Workload',
  namespaced: true,
}
export const leases: Resource<coordinationV1Types.Lease> = {
  group: 'coordination.k8s.io', version: 'v1', resource: 'leases', kind: 'Lease',
  namespaced: true,
}
export const leaseCandidates: Resource<coordinationV1beta1Types.LeaseCandidate> = {
  group: 'coordination.k8s.io', version: 'v1beta1', resource: 'leasecandidates', kind: 'LeaseCandidate',
  namespaced: true,
}
export const leaseCandidatesV1Alpha2: Resource<coordinationV1alpha2Types.LeaseCandidate> = {
  group: 'coordination.k8s.io', version: 'v1alpha2', resource: 'leasecandidates', kind: 'LeaseCandidate',
  namespaced: true,
}
export const runtimeClasses: Resource<nodeV1Types.RuntimeClass> = {
  group: 'node.k8s.io', version: 'v1', resource: 'runtimeclasses', kind: 'RuntimeClass',
  namespaced: false,
}
export const endpointSlices: Resource<discoveryV1Types.EndpointSlice> = {
  group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices', kind: 'EndpointSlice',
  namespaced: true,
}
export const deviceClasses: Resource<resourceV1Types.DeviceClass> = {
  group: 'resource.k8s.io', version: 'v1', resource: 'deviceclasses', kind: 'DeviceClass',
  namespaced: false,
}
export const resourceClaims: Resource<resourceV1Types.ResourceClaim> = {
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaims', kind: 'ResourceClaim',
  namespaced: true,
}
export const resourceClaimTemplates: Resource<resourceV1Types.ResourceClaimTemplate> = {
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaimtemplates', kind: 'ResourceClaimTemplate',
  namespaced: true,
}
export const resourceSlices: Resource<resourceV1Types.ResourceSlice> = {
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceslices', kind: 'ResourceSlice',
  namespaced: false,
}
export const deviceClassesV1Beta2: Resource<resourceV1beta2Types.DeviceClass> = {
  group: 'resource.k8s.io', version: 'v1beta2', resource: 'deviceclasses', kind: 'DeviceClass',
  namespaced: false,
}
export const deviceTaintRules: Resource<resourceV1beta2Types.DeviceTaintRule> = {
  group: 'resource.k8s.io', version: 'v1beta2', resource: 'devicetaintrules', kind: 'DeviceTaintRule',
  namespaced: false,
}
export const resourceClaimsV1Beta2: Resource<resourceV1beta2Types.ResourceClaim> = {
  group: 'resource.k8s.io', version: 'v1beta2', resource: 'resourceclaims', kind: 'ResourceClaim',
  namespaced: true,
}
export const resourceClaimTemplatesV1Beta2: Resource<resourceV1beta2Types.ResourceClaimTemplate> = {
  group: 'resource.k8s.io', version: 'v1beta2', resource: 'resourceclaimtemplates', kind: 'ResourceClaimTemplate',
  namespaced: true,
}
export const resourceSlicesV1Beta2: Resource<resourceV1beta2Types.ResourceSlice> = {
  group: 'resource.k8s.io', version: 'v1beta2', resource: 'resourceslices', kind: 'ResourceSlice',
  namespaced: false,
}
export const deviceClassesV1Beta1: Resource<resourceV1beta1Types.DeviceClass> = {
  group: 'resource.k8s.io', version: 'v1beta1', resource: 'deviceclasses', kind: 'DeviceClass',
  namespaced: false,
}
export const resourceClaimsV1Beta1: Resource<resourceV1beta1Types.ResourceClaim> = {
  group: 'resource.k8s.io', version: 'v1beta1', resource: 'resourceclaims', kind: 'ResourceClaim',
  namespaced: true,
}
export const resourceClaimTemplatesV1Beta1: Resource<resourceV1beta1Types.ResourceClaimTemplate> = {
  group: 'resource.k8s.io', version: 'v1beta1', resource: 'resourceclaimtemplates', kind: 'ResourceClaimTemplate',
  namespaced: true,
}
export const resourceSlicesV1Beta1: Resource<resourceV1beta1Types.ResourceSlice> = {
  group: 'resource.k8s.io', version: 'v1beta1', resource: 'resourceslices', kind: 'ResourceSlice',
  namespaced: false,
}
export const deviceTaintRulesV1Alpha3: Resource<resourceV1alpha3Types.DeviceTaintRule> = {
  group: 'resource.k8s.io', version: 'v1alpha3', resource: 'devicetaintrules', kind: 'DeviceTaintRule',
  namespaced: false,
}
export const resourcePoolStatusRequests: Resource<resourceV1alpha3Types.ResourcePoolStatusRequest> = {
  group: 'resource.k8s.io', version: 'v1alpha3', resource: 'resourcepoolstatusrequests', kind: 'ResourcePoolStatusRequest',
  namespaced: false,
}
export const flowSchemas: Resource<flowcontrolV1Types.FlowSchema> = {
  group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'flowschemas', kind: 'FlowSchema',
  namespaced: false,
}
export const priorityLevelConfigurations: Resource<flowcontrolV1Types.PriorityLevelConfiguration> = {
  group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'prioritylevelconfigurations', kind: 'PriorityLevelConfiguration',
  namespaced: false,
}
export const storageVersions: Resource<internalV1alpha1Types.StorageVersion> = {
  group: 'internal.apiserver.k8s.io', version: 'v1alpha1', resource: 'storageversions', kind: 'StorageVersion',
  namespaced: false,
}
export const storageVersionMigrations: Resource<storagemigrationV1beta1Types.StorageVersionMigration> = {
  group: 'storagemigration.k8s.io', version: 'v1beta1', resource: 'storageversionmigrations', kind: 'StorageVersionMigration',
  namespaced: false,
}
