import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type LeaseCandidate = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: LeaseCandidateSpec
}

export type LeaseCandidateList = {
  apiVersion?: string
  items: LeaseCandidate[]
  kind?: string
  metadata: ListMeta
}

export type LeaseCandidateSpec = {
  binaryVersion: string
  emulationVersion?: string
  leaseName: string
  pingTime?: string
  renewTime?: string
  strategy: string
}
