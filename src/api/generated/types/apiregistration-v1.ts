import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type APIService = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: APIServiceSpec
  status?: APIServiceStatus
}

export type APIServiceCondition = {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type APIServiceList = {
  apiVersion?: string
  items: APIService[]
  kind?: string
  metadata: ListMeta
}

export type APIServiceSpec = {
  caBundle?: string
  group?: string
  groupPriorityMinimum: number
  insecureSkipTLSVerify?: boolean
  service?: ServiceReference
  version?: string
  versionPriority: number
}

export type APIServiceStatus = {
  conditions?: APIServiceCondition[]
}

export type ServiceReference = {
  name?: string
  namespace?: string
  port?: number
}
