/** The documents of discovery: legacy lists and the aggregated form (upstream: apiserver/pkg/endpoints/discovery). */
import type { ServedResource, ServedSubresource } from '../../api/generated/discovery.ts'
import type { DiscoveredGroup, DiscoveredResource } from './discovery-model.ts'

const groupVersionOf = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`)

/** /api */
export function apiVersions(serverAddress: string): object {
  return {
    kind: 'APIVersions', versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  }
}

/** /apis */
export function apiGroupList(groups: readonly DiscoveredGroup[]): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.filter((g) => g.group !== '').map(groupEntry) }
}

/** /apis/<group> */
export function apiGroup(group: DiscoveredGroup): object {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group) }
}

function groupEntry({ group, versions }: DiscoveredGroup) {
  const entries = versions.map(({ version }) => ({ groupVersion: groupVersionOf(group, version), version }))
  return { name: group, versions: entries, preferredVersion: entries[0] }
}

/** /api/v1, /apis/<group>/<version> */
export function apiResourceList(group: string, version: string, resources: readonly ServedResource[]): object {
  return {
    kind: 'APIResourceList', ...(group === '' ? {} : { apiVersion: 'v1' }), groupVersion: groupVersionOf(group, version),
    resources: resources.flatMap((resource) => resourceEntries(group, version, resource)),
  }
}

function resourceEntries(group: string, version: string, r: ServedResource): object[] {
  const main = {
    name: r.resource, singularName: r.singular, namespaced: r.namespaced, kind: r.kind, verbs: [...r.verbs],
    ...(r.shortNames === undefined ? {} : { shortNames: r.shortNames }),
    ...(r.categories === undefined ? {} : { categories: r.categories }),
    ...(r.storageVersionHash === undefined ? {} : { storageVersionHash: r.storageVersionHash }),
  }
  const subresources = (r.subresources ?? []).map(({ subresource, responseKind, verbs }) => ({
    name: `${r.resource}/${subresource}`, singularName: '', namespaced: r.namespaced,
    // Kinds of other groups (Scale, Eviction, TokenRequest) say where they are from.
    ...(sameGroup(responseKind, group, version) ? {} : { group: responseKind.group, version: responseKind.version }),
    kind: responseKind.kind, verbs: [...verbs],
  }))
  return [main, ...subresources]
}

function sameGroup(kind: { group: string; version: string }, group: string, version: string): boolean {
  return kind.version === '' || (kind.group === group && kind.version === version)
}

/** Accept: …;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList on /api and /apis. */
export function aggregatedDiscovery(groups: readonly DiscoveredGroup[], documentVersion: 'v2' | 'v2beta1'): object {
  return {
    kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${documentVersion}`, metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: group === '' ? {} : { name: group },
      versions: versions.map(({ version, resources, stale }) => ({
        version, resources: resources.map((resource) => aggregatedResource(group, version, resource)), freshness: stale === true ? 'Stale' : 'Current',
      })),
    })),
  }
}

/** A kind of the group version itself is told by its name alone. */
const kindOf = (kind: ServedSubresource['responseKind'], group: string, version: string): ServedSubresource['responseKind'] =>
  (sameGroup(kind, group, version) ? { group: '', version: '', kind: kind.kind } : kind)

function aggregatedResource(group: string, version: string, r: DiscoveredResource): object {
  return {
    resource: r.resource, responseKind: r.custom === true ? { group, version, kind: r.kind } : kindOf({ group, version, kind: r.kind }, group, version), scope: r.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: r.singular, verbs: [...r.verbs],
    ...(r.shortNames === undefined ? {} : { shortNames: r.shortNames }),
    ...(r.categories === undefined ? {} : { categories: r.categories }),
    ...(r.subresources === undefined || r.subresources.length === 0 ? {} : {
      subresources: r.subresources.map(({ subresource, responseKind, verbs }) => ({
        subresource,
        responseKind: r.custom === true ? responseKind : kindOf(responseKind, group, version), verbs: [...verbs],
      })),
    }),
  }
}
