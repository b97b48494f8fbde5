/** What writes the rules of one IP family: nftables/backend.ts or iptables/backend.ts. */
import type { Family } from './addresses.ts'
import type { RuleOptions } from './rules.ts'
import type { EndpointInfo, PortInfo } from './service-map.ts'

/** A Service port and what is behind it; undefined in a map of changes: it is gone. */
export interface PortState {
  readonly info: PortInfo
  readonly endpoints: readonly EndpointInfo[]
}

export interface SyncWork {
  /** What changed since the last call, by owner ("namespace/name/protocol/port"). */
  readonly changed: ReadonlyMap<string, PortState | undefined>
  readonly options: RuleOptions
  /** The options changed, or it is the first call. */
  readonly baseChanged: boolean
  /** What the kernel holds is not trusted: everything is written. */
  readonly full: boolean
  /** The process has written nothing yet: what is there may be of another version. */
  readonly first: boolean
}

export interface RuleBackend {
  readonly mode: 'nftables' | 'iptables'
  readonly family: Family
  /** Brings the kernel to the new state in one transaction; when it throws, the next call must be a full one. */
  sync(work: SyncWork): Promise<void>
  /** Whether what was written is still in the kernel. Cheap. */
  intact(): Promise<boolean>
  /** Left-overs that could not go in the transaction that freed them. */
  readonly hasStale: boolean
  cleanUp(): Promise<void>
}
