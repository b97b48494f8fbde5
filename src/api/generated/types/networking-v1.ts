import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { TypedLocalObjectReference } from './core-v1.ts'
import type { Condition, LabelSelector } from './meta-v1.ts'

export type HTTPIngressPath = {
  backend: IngressBackend
  path?: string
  pathType: string
}

export type HTTPIngressRuleValue = {
  paths: HTTPIngressPath[]
}

export type IPAddress = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: IPAddressSpec
}

export type IPAddressList = {
  apiVersion?: string
  items: IPAddress[]
  kind?: string
  metadata: ListMeta
}

export type IPAddressSpec = {
  parentRef: ParentReference
}

export type IPBlock = {
  cidr: string
  except?: string[]
}

export type Ingress = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: IngressSpec
  status?: IngressStatus
}

export type IngressBackend = {
  resource?: TypedLocalObjectReference
  service?: IngressServiceBackend
}

export type IngressClass = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: IngressClassSpec
}

export type IngressClassList = {
  apiVersion?: string
  items: IngressClass[]
  kind?: string
  metadata: ListMeta
}

export type IngressClassParametersReference = {
  apiGroup?: string
  kind: string
  name: string
  namespace?: string
  scope?: string
}

export type IngressClassSpec = {
  controller?: string
  parameters?: IngressClassParametersReference
}

export type IngressList = {
  apiVersion?: string
  items: Ingress[]
  kind?: string
  metadata: ListMeta
}

export type IngressLoadBalancerIngress = {
  hostname?: string
  ip?: string
  ports?: IngressPortStatus[]
}

export type IngressLoadBalancerStatus = {
  ingress?: IngressLoadBalancerIngress[]
}

export type IngressPortStatus = {
  error?: string
  port: number
  protocol: string
}

export type IngressRule = {
  host?: string
  http?: HTTPIngressRuleValue
}

export type IngressServiceBackend = {
  name: string
  port?: ServiceBackendPort
}

export type IngressSpec = {
  defaultBackend?: IngressBackend
  ingressClassName?: string
  rules?: IngressRule[]
  tls?: IngressTLS[]
}

export type IngressStatus = {
  loadBalancer?: IngressLoadBalancerStatus
}

export type IngressTLS = {
  hosts?: string[]
  secretName?: string
}

export type NetworkPolicy = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: NetworkPolicySpec
}

export type NetworkPolicyEgressRule = {
  ports?: NetworkPolicyPort[]
  to?: NetworkPolicyPeer[]
}

export type NetworkPolicyIngressRule = {
  from?: NetworkPolicyPeer[]
  ports?: NetworkPolicyPort[]
}

export type NetworkPolicyList = {
  apiVersion?: string
  items: NetworkPolicy[]
  kind?: string
  metadata: ListMeta
}

export type NetworkPolicyPeer = {
  ipBlock?: IPBlock
  namespaceSelector?: LabelSelector
  podSelector?: LabelSelector
}

export type NetworkPolicyPort = {
  endPort?: number
  port?: number | string
  protocol?: string
}

export type NetworkPolicySpec = {
  egress?: NetworkPolicyEgressRule[]
  ingress?: NetworkPolicyIngressRule[]
  podSelector?: LabelSelector
  policyTypes?: string[]
}

export type ParentReference = {
  group?: string
  name: string
  namespace?: string
  resource: string
}

export type ServiceBackendPort = {
  name?: string
  number?: number
}

export type ServiceCIDR = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: ServiceCIDRSpec
  status?: ServiceCIDRStatus
}

export type ServiceCIDRList = {
  apiVersion?: string
  items: ServiceCIDR[]
  kind?: string
  metadata: ListMeta
}

export type ServiceCIDRSpec = {
  cidrs?: string[]
}

export type ServiceCIDRStatus = {
  conditions?: Condition[]
}
