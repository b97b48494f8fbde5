import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { Condition } from './meta-v1.ts'

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

export type ParentReference = {
  group?: string
  name: string
  namespace?: string
  resource: string
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
