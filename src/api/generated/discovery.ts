import data from './discovery.json' with { type: 'json' }

export interface ServedSubresource {
  readonly subresource: string
  readonly responseKind: { readonly group: string; readonly version: string; readonly kind: string }
  readonly verbs: readonly string[]
}

export interface ServedResource {
  readonly resource: string
  readonly singular: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly storageVersionHash?: string
  readonly subresources?: readonly ServedSubresource[]
}

export interface ServedVersion {
  readonly version: string
  readonly resources: readonly ServedResource[]
}

export interface ServedGroup {
  readonly group: string
  readonly versions: readonly ServedVersion[]
}

export const discovery: readonly ServedGroup[] = data
