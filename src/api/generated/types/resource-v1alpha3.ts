import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { Condition } from './meta-v1.ts'

export type DeviceTaint = {
  effect: string
  key: string
  timeAdded?: string
  value?: string
}

export type DeviceTaintRule = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: DeviceTaintRuleSpec
  status?: DeviceTaintRuleStatus
}

export type DeviceTaintRuleList = {
  apiVersion?: string
  items: DeviceTaintRule[]
  kind?: string
  metadata: ListMeta
}

export type DeviceTaintRuleSpec = {
  deviceSelector?: DeviceTaintSelector
  taint: DeviceTaint
}

export type DeviceTaintRuleStatus = {
  conditions?: Condition[]
}

export type DeviceTaintSelector = {
  device?: string
  driver?: string
  pool?: string
}

export type PoolStatus = {
  allocatedDevices?: number
  availableDevices?: number
  driver: string
  generation: number
  nodeName?: string
  poolName: string
  resourceSliceCount?: number
  totalDevices?: number
  unavailableDevices?: number
  validationError?: string
}

export type ResourcePoolStatusRequest = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: ResourcePoolStatusRequestSpec
  status?: ResourcePoolStatusRequestStatus
}

export type ResourcePoolStatusRequestList = {
  apiVersion?: string
  items: ResourcePoolStatusRequest[]
  kind?: string
  metadata: ListMeta
}

export type ResourcePoolStatusRequestSpec = {
  driver: string
  limit?: number
  poolName?: string
}

export type ResourcePoolStatusRequestStatus = {
  conditions?: Condition[]
  poolCount: number
  pools?: PoolStatus[]
}
