import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type Lease = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: LeaseSpec
}

export type LeaseList = {
  apiVersion?: string
  items: Lease[]
  kind?: string
  metadata: ListMeta
}

export type LeaseSpec = {
  acquireTime?: string
  holderIdentity?: string
  leaseDurationSeconds?: number
  leaseTransitions?: number
  preferredHolder?: string
  renewTime?: string
  strategy?: string
}
