/** The back end of each mode in the namespace of a test's node. */
import type { Family } from '../addresses.ts'
import type { RuleBackend } from '../backend.ts'
import { createIptablesBackend } from '../iptables/backend.ts'
import { createIptables } from '../iptables/exec/iptables.ts'
import { removalScript } from '../iptables/leftovers.ts'
import { createNftablesBackend } from '../nftables/backend.ts'
import { createNft } from '../nftables/exec/nft.ts'
import { deleteTable } from '../nftables/table.ts'
import type { Mode } from './rulesets.ts'

export interface TestBackend {
  /** A back end that knows nothing of what earlier ones wrote. */
  create(): RuleBackend
  /** The chains of Services and endpoints that are in the kernel, and the sets that remember clients. */
  leftInKernel(): Promise<readonly string[]>
  /** Takes all of it away, as --cleanup does. */
  remove(): Promise<void>
}

export function testBackend(mode: Mode, family: Family, enter: readonly string[]): TestBackend {
  if (mode === 'nftables') {
    const filter = createNft(enter)
    return {
      create: () => createNftablesBackend(family, filter),
      leftInKernel: async () => {
        const { chains, sets } = (await filter.existing(family)) ?? { chains: [], sets: [] }
        return [...chains, ...sets].filter((name) => name.includes('/'))
      },
      remove: () => filter.apply(deleteTable(family)),
    }
  }
  const programs = createIptables(family, enter)
  return {
    create: () => createIptablesBackend(family, programs),
    leftInKernel: async () => [...((await programs.save('nat')) ?? '').matchAll(/^:(KUBE-(?:SVC|SVL|EXT|FW|SEP)-\S+)/gm)].map((match) => match[1]!),
    remove: async () => programs.restore(removalScript((await programs.save()) ?? '')),
  }
}
