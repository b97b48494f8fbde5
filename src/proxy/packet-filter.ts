/** The seam to the kernel: tables of packet rules, and the connections that it translated. */
import type { Family } from './addresses.ts'
import type { Existing } from './nftables/table.ts'
import type { TableName } from './nftables/write.ts'

export interface PacketFilter {
  /** Runs a transaction: all of it or nothing. Fails with the kernel's or the program's words. */
  apply(transaction: string): Promise<void>
  /** What one of the family's tables holds, the Services' by default; undefined when there is no table. */
  existing(family: Family, table?: TableName): Promise<Existing | undefined>
  /** Whether the chain of the family's table is there and holds rules. */
  hasRules(family: Family, chain: string, table?: TableName): Promise<boolean>
}

/** One translated UDP connection: where its sender sent to, and who answers. */
export interface TrackedFlow {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly replySource: string
  readonly replyPort: number
}

export interface ConnectionTracking {
  listUdp(family: Family): Promise<readonly TrackedFlow[]>
  deleteUdp(family: Family, flows: readonly TrackedFlow[]): Promise<void>
}
