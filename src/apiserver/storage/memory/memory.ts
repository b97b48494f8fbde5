import type { Clock } from '../../../base/env.ts'
import type { KVStore } from '../store.ts'
import { storeOver } from './base.ts'
import { MvccCore } from './mvcc.ts'

/** A store in memory: for tests, the simulator and clusters that nobody wants to keep. */
export function createMemoryStore(o: { clock: Clock }): KVStore {
  return storeOver(new MvccCore(), o.clock)
}
