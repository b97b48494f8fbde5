/** How much a store may take, and who is told when that is used up. Upstream: etcd's server/storage/quota.go. */
import type { Logger } from '../../../base/env.ts'
import { StoreError, noSpace } from '../store.ts'

/** From here on it is worth a warning, once. */
const nearlyFull = 0.8

type Level = 'room' | 'nearly' | 'full'

export class Quota {
  readonly bytes: number
  readonly #log: Logger | undefined
  #level: Level = 'room'

  /** `bytes` of keys and values. */
  constructor(bytes: number, log?: Logger) {
    this.bytes = bytes
    this.#log = log
  }

  /** Throws etcd's error when more than the quota is used and the write may need more. */
  admit(used: number, deletes: boolean): void {
    if (used > this.bytes && !deletes) {
      this.told(used)
      throw new StoreError(noSpace)
    }
  }

  /** To be called with what is used after a write. */
  told(used: number): void {
    const level: Level = used > this.bytes ? 'full' : used > this.bytes * nearlyFull ? 'nearly' : 'room'
    if (level === this.#level) return
    const fields = { used, quota: this.bytes }
    if (level === 'full') this.#log?.error('the store has used up its quota: it takes deletions alone until there is room again; delete what is not needed, or give it more with --quota-backend-bytes', fields)
    else if (this.#level === 'full') this.#log?.info('the store has room again and takes writes', fields)
    else if (level === 'nearly') this.#log?.warn('the store has nearly used up its quota', fields)
    this.#level = level
  }
}
