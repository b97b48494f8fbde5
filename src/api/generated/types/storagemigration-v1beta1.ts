import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { Condition, GroupResource } from './meta-v1.ts'

export type StorageVersionMigration = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: StorageVersionMigrationSpec
  status?: StorageVersionMigrationStatus
}

export type StorageVersionMigrationList = {
  apiVersion?: string
  items: StorageVersionMigration[]
  kind?: string
  metadata: ListMeta
}

export type StorageVersionMigrationSpec = {
  resource: GroupResource
}

export type StorageVersionMigrationStatus = {
  conditions?: Condition[]
  resourceVersion?: string
}
