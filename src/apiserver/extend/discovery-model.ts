/** What is served, as discovery tells it: groups, versions, resources, subresources, in upstream's order. */
import { createHash } from 'node:crypto'
import { type ServedResource, type ServedSubresource, discovery as facts } from '../../api/generated/discovery.ts'
import type { ResourceDefinition } from '../resources/define.ts'

export interface DiscoveredResource extends ServedResource {
  /** Of a custom kind, whose kinds are told in full. */
  readonly custom?: true
}

export interface DiscoveredVersion {
  readonly version: string
  readonly resources: readonly DiscoveredResource[]
  /** Its server cannot be reached: what is said of it is what it said last. */
  readonly stale?: boolean
}

export interface DiscoveredGroup {
  readonly group: string
  /** Preferred first. */
  readonly versions: readonly DiscoveredVersion[]
}

const factGroups = new Map(facts.map((group, index) => [group.group, { index, versions: new Map(group.versions.map((v) => [v.version, v])) }]))

/** Whether upstream's router knows the group, whatever is served of it. */
export const isBuiltinGroup = (group: string): boolean => factGroups.has(group)

/** The model of all kinds. Built-in kinds keep what upstream's facts say of them; custom ones are told from their definition. */
export function discoveryModel(definitions: readonly ResourceDefinition[]): DiscoveredGroup[] {
  const groups = new Map<string, Map<string, DiscoveredResource[]>>()
  for (const definition of definitions) {
    for (const version of servedVersionsOf(definition)) {
      let versions = groups.get(definition.group)
      if (versions === undefined) groups.set(definition.group, (versions = new Map()))
      let resources = versions.get(version)
      if (resources === undefined) versions.set(version, (resources = []))
      resources.push(factsOf(definition, version))
    }
  }
  return [...groups].sort(([a], [b]) => compareGroups(a, b)).map(([group, versions]) => ({
    group,
    versions: [...versions].sort(([a], [b]) => compareVersionsOf(group, a, b)).map(([version, resources]) => ({
      version, resources: resources.sort((a, b) => (a.resource < b.resource ? -1 : 1)),
    })),
  }))
}

/** The versions that a kind is served in. */
export function servedVersionsOf(definition: ResourceDefinition): string[] {
  const all = [definition.version, ...Object.keys(definition.versions ?? {})]
  const { servedVersions } = definition
  return servedVersions === undefined ? all : all.filter((version) => servedVersions.includes(version))
}

function factsOf(definition: ResourceDefinition, version: string): DiscoveredResource {
  const known = factGroups.get(definition.group)?.versions.get(version)?.resources.find((r) => r.resource === definition.resource)
  return known ?? customFacts(definition, version)
}

const allVerbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch']

function customFacts(definition: ResourceDefinition, version: string): DiscoveredResource {
  const { group, kind, shortNames = [], categories = [] } = definition
  const subresources: ServedSubresource[] = []
  const has = (name: string): boolean => definition.versionSubresources?.[version]?.includes(name) !== false
  if (definition.subresources?.['status'] !== undefined && has('status')) {
    subresources.push({ subresource: 'status', responseKind: { group, version, kind }, verbs: ['get', 'patch', 'update'] })
  }
  if (definition.scale !== undefined && has('scale')) {
    subresources.push({ subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: ['get', 'patch', 'update'] })
  }
  return {
    resource: definition.resource, singular: definition.singular, kind, namespaced: definition.scope === 'Namespaced',
    verbs: definition.verbs ?? allVerbs,
    ...(shortNames.length === 0 ? {} : { shortNames }), ...(categories.length === 0 ? {} : { categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
    ...(definition.custom === true ? { storageVersionHash: storageVersionHash(group, definition.version, kind), custom: true } as const : {}),
  }
}

/** Upstream: apiserver/pkg/endpoints/discovery/storageversionhash.go. */
const storageVersionHash = (group: string, version: string, kind: string): string =>
  createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64')

/** Built-in groups in upstream's order of priority, others behind them by name. */
function compareGroups(a: string, b: string): number {
  const left = factGroups.get(a)?.index ?? Infinity
  const right = factGroups.get(b)?.index ?? Infinity
  if (left !== right) return left - right
  return a < b ? -1 : 1
}

function compareVersionsOf(group: string, a: string, b: string): number {
  const known = [...(factGroups.get(group)?.versions.keys() ?? [])]
  const left = known.indexOf(a)
  const right = known.indexOf(b)
  if (left >= 0 && right >= 0) return left - right
  return compareVersions(a, b)
}

/** Best first: v10, v2, v1, v2beta1, v1alpha3, and what is no such version by name (apimachinery pkg/version). */
export function compareVersions(a: string, b: string): number {
  const left = parseVersion(a)
  const right = parseVersion(b)
  if (left === undefined || right === undefined) {
    if (left !== undefined) return -1
    if (right !== undefined) return 1
    return a < b ? -1 : a > b ? 1 : 0
  }
  for (let i = 0; i < 3; i++) if (left[i] !== right[i]) return right[i]! - left[i]!
  return 0
}

/** [stability, major, minor]; undefined for other texts. */
function parseVersion(text: string): [number, number, number] | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text)
  if (match === null) return undefined
  const stability = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0
  return [stability, Number(match[1]), Number(match[3] ?? 0)]
}

/** What --runtime-config says: "api/all", "api/ga|beta|alpha", "group/version", "group/version/resource" to on or off. */
export function enabledVersions(definition: ResourceDefinition, config: Readonly<Record<string, boolean>>): string[] {
  return servedVersionsOf(definition).filter((version) => {
    const group = definition.group === '' ? '' : `${definition.group}/`
    const stability = /alpha/.test(version) ? 'alpha' : /beta/.test(version) ? 'beta' : 'ga'
    return config[`${group}${version}/${definition.resource}`] ?? config[`${group}${version}`] ?? config[`api/${stability}`] ??
      config['api/all'] ?? stability === 'ga'
  })
}
