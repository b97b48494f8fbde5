/** What remotes serve, put among what this server serves itself, in the order of priorities. */
import type { ServedResource } from '../../../api/generated/discovery.ts'
import { type DiscoveredGroup, type DiscoveredVersion, compareVersions } from '../discovery-model.ts'
import { priorityOf } from './priorities.ts'

export interface RemoteVersion {
  readonly group: string
  readonly version: string
  readonly groupPriority: number
  readonly versionPriority: number
  readonly resources: readonly ServedResource[]
  readonly available: boolean
}

/** A group version of a remote takes the place of this server's own. */
export function withRemotes(local: readonly DiscoveredGroup[], remotes: readonly RemoteVersion[]): readonly DiscoveredGroup[] {
  if (remotes.length === 0) return local
  const groups = [...local]
  for (const name of new Set(remotes.map(({ group }) => group))) {
    const own = remotes.filter(({ group }) => group === name)
    const at = groups.findIndex(({ group }) => group === name)
    if (at >= 0) {
      groups[at] = merged(groups[at]!, own)
      continue
    }
    const priority = Math.max(...own.map(({ groupPriority }) => groupPriority))
    const position = groups.findIndex((group) => comesBehind(group, name, priority))
    groups.splice(position < 0 ? groups.length : position, 0, merged({ group: name, versions: [] }, own))
  }
  return groups
}

function comesBehind({ group, versions }: DiscoveredGroup, name: string, priority: number): boolean {
  const other = Math.max(...versions.map(({ version }) => priorityOf(group, version).group))
  // Of two with one priority the names decide; the core group is always first.
  return group !== '' && (other < priority || (other === priority && group > name))
}

function merged({ group, versions }: DiscoveredGroup, remotes: readonly RemoteVersion[]): DiscoveredGroup {
  const rank = (version: string): number =>
    remotes.find((remote) => remote.version === version)?.versionPriority ?? priorityOf(group, version).version
  const all: DiscoveredVersion[] = [
    ...versions.filter(({ version }) => !remotes.some((remote) => remote.version === version)),
    ...remotes.map(({ version, resources, available }) => ({ version, resources, ...(available ? {} : { stale: true }) })),
  ]
  return { group, versions: all.toSorted((a, b) => rank(b.version) - rank(a.version) || compareVersions(a.version, b.version)) }
}
