/** Groups, versions, resources and subresources that upstream serves, from api/discovery. */
import { moduleFiles, moduleText } from './modules.ts'

export interface Subresource {
  subresource: string
  responseKind: { group: string; version: string; kind: string }
  verbs: string[]
}

export interface ServedResource {
  resource: string
  singular: string
  kind: string
  namespaced: boolean
  verbs: string[]
  shortNames?: string[]
  categories?: string[]
  storageVersionHash?: string
  subresources?: Subresource[]
}

export interface ServedVersion {
  version: string
  resources: ServedResource[]
}

export interface ServedGroup {
  group: string
  versions: ServedVersion[]
}

interface ApiResource {
  name: string
  singularName: string
  namespaced: boolean
  kind: string
  group?: string
  version?: string
  verbs: string[]
  shortNames?: string[]
  categories?: string[]
  storageVersionHash?: string
}

const FOLDER = 'api/discovery'

function json<T>(file: string): T {
  return JSON.parse(moduleText('k8s.io/kubernetes', `${FOLDER}/${file}`)) as T
}

/** Groups in discovery's order, the core group first; versions preferred first; resources by name. */
export function readDiscovery(): ServedGroup[] {
  const files = new Set(moduleFiles('k8s.io/kubernetes', FOLDER))
  const groups: ServedGroup[] = [{ group: '', versions: [versionOf('', 'v1', 'api__v1.json')] }]
  type Aggregated = { items: { metadata: { name: string }; versions: { version: string }[] }[] }
  const aggregated = json<Aggregated>('aggregated_v2.json')
  for (const item of aggregated.items) {
    const group = item.metadata.name
    const versions = item.versions.flatMap(({ version }) => {
      const file = `apis__${group}__${version}.json`
      return files.has(file) ? [versionOf(group, version, file)] : []
    })
    if (group !== undefined) groups.push({ group, versions })
  }
  return groups
}

function versionOf(group: string, version: string, file: string): ServedVersion {
  const list = json<{ resources: ApiResource[] }>(file).resources
  const resources = list.filter((r) => !r.name.includes('/')).map((r) => resourceOf(r))
  for (const r of list.filter((each) => each.name.includes('/'))) {
    const [parent, ...rest] = r.name.split('/')
    const owner = resources.find((each) => each.resource === parent)
    if (!owner) throw new Error(`${group}/${version}: ${r.name} has no parent`)
    owner.subresources ??= []
    owner.subresources.push({
      subresource: rest.join('/'),
      responseKind: { group: r.group ?? group, version: r.version ?? version, kind: r.kind },
      verbs: r.verbs,
    })
  }
  return { version, resources }
}

function resourceOf(r: ApiResource): ServedResource {
  return {
    resource: r.name,
    singular: r.singularName,
    kind: r.kind,
    namespaced: r.namespaced,
    verbs: r.verbs,
    ...(r.shortNames && { shortNames: r.shortNames }),
    ...(r.categories && { categories: r.categories }),
    ...(r.storageVersionHash !== undefined && { storageVersionHash: r.storageVersionHash }),
  }
}

/** JSON with one line per resource, so that changes of upstream read well. */
export function renderDiscovery(groups: ServedGroup[]): string {
  const version = (v: ServedVersion): string =>
    `{"version":"${v.version}","resources":[\n${v.resources.map((r) => JSON.stringify(r)).join(',\n')}\n]}`
  const lines = groups.map((g) => `{"group":"${g.group}","versions":[${g.versions.map(version).join(',')}]}`)
  return `[\n${lines.join(',\n')}\n]\n`
}

/** The typed door to discovery.json. */
export const DISCOVERY_TS = `import data from './discovery.json' with { type: 'json' }

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
`
