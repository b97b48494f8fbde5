/** What the server serves (upstream: client-go/discovery ServerPreferredResources). */
import type { APIGroupList, APIResource, APIResourceList } from '../api/generated/types/meta-v1.ts'
import { parseApiVersion, type Resource } from '../api/meta/object.ts'
import type { Client } from './client.ts'

export interface DiscoveredResource extends Resource {
  readonly verbs: readonly string[]
}

export interface Discovered {
  /** Without subresources; of each resource the version that its group prefers. */
  readonly resources: readonly DiscoveredResource[]
  /** Group versions whose list could not be had, with why. */
  readonly failures: ReadonlyMap<string, Error>
}

/** Asks for every group's resources. Throws when not even the groups can be had. */
export async function discoverResources(client: Client, signal?: AbortSignal): Promise<Discovered> {
  const groups = (await client.raw('GET', '/apis', undefined, { signal })) as APIGroupList
  const failures = new Map<string, Error>()
  const versions = [
    ['v1'],
    // The preferred version first: it decides when two versions serve the same resource.
    ...groups.groups.map((group) => {
      const preferred = group.preferredVersion?.groupVersion
      const all = group.versions.map((version) => version.groupVersion)
      return preferred === undefined ? all : [preferred, ...all.filter((version) => version !== preferred)]
    }),
  ]
  const lists = await Promise.all(versions.map((group) => Promise.all(group.map((version) => listOf(client, version, failures, signal)))))
  const resources: DiscoveredResource[] = []
  for (const group of lists) {
    const seen = new Set<string>()
    for (const list of group) {
      for (const resource of list?.resources ?? []) {
        if (resource.name.includes('/') || seen.has(resource.name)) continue
        seen.add(resource.name)
        resources.push(toResource(resource, list!.groupVersion))
      }
    }
  }
  return { resources, failures }
}

async function listOf(
  client: Client, groupVersion: string, failures: Map<string, Error>, signal: AbortSignal | undefined,
): Promise<APIResourceList | undefined> {
  const path = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`
  try {
    return (await client.raw('GET', path, undefined, { signal })) as APIResourceList
  } catch (error) {
    signal?.throwIfAborted()
    failures.set(groupVersion, error instanceof Error ? error : new Error(String(error)))
    return undefined
  }
}

function toResource(resource: APIResource, groupVersion: string): DiscoveredResource {
  const { group, version } = parseApiVersion(groupVersion)
  return {
    group: resource.group ?? group, version: resource.version ?? version, resource: resource.name, kind: resource.kind,
    namespaced: resource.namespaced, verbs: resource.verbs,
  }
}

/** The text of upstream's ErrGroupDiscoveryFailed. */
export function discoveryFailureText(failures: ReadonlyMap<string, Error>): string {
  const parts = [...failures].map(([version, error]) => `${version}: ${error.message}`).sort()
  return `unable to retrieve the complete list of server APIs: ${parts.join(', ')}`
}
