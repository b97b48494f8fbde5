import type { Clock } from '../../../base/env.ts'
import type { KVStore } from '../store.ts'
import { storeOver } from './base.ts'
import { MvccCore } from './mvcc.ts'

/** A store in memory: for tests, the simulator and clusters that nobody wants to keep. */
export function createMemoryStore(o: { clock: Clock }): KVStore {
  const core = new MvccCore()
  return storeOver(core, o.clock, {
    async commit(change) {
      core.publish([change])
    },
    settled: () => Promise.resolve(),
    size: () => core.bytes,
    close: () => Promise.resolve(),
  })
}
