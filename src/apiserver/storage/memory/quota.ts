/** How much a store may take, and who is told when that is used up. Upstream: etcd's server/storage/quota.go. */
import type { Logger } from '../../../base/env.ts'
import { StoreError, noSpace } from '../store.ts'

/** From here on it is worth a warning, once. */
const nearlyFull = 0.8

/** What etcd advises not to exceed. */
const defaultBytes = 8 * 1024 ** 3

/** How many bytes `--quota-backend-bytes` means: 0 is the default, less is no bound at all. */
export function quotaOf(flag: number | undefined): number {
  if (flag !== undefined && flag < 0) return Infinity
  return flag === undefined || flag === 0 ? defaultBytes : flag
}

/** Whether a store that uses so much takes deletions alone. */
export function isUsedUp({ used, quota }: { readonly used: number; readonly quota: number }): boolean {
  return used > quota
}

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
    if (!deletes && isUsedUp({ used, quota: this.bytes })) {
      this.told(used)
      throw new StoreError(noSpace)
    }
  }

  /** To be called with what is used after a write. */
  told(used: number): void {
    const level: Level = isUsedUp({ used, quota: this.bytes }) ? 'full' : used > this.bytes * nearlyFull ? 'nearly' : 'room'
    if (level === this.#level) return
    const fields = { used, quota: this.bytes }
    if (level === 'full') this.#log?.error('the store has used up its quota: it takes deletions alone until there is room again; delete what is not needed, or give it more with --quota-backend-bytes', fields)
    else if (this.#level === 'full') this.#log?.info('the store has room again and takes writes', fields)
    else if (level === 'nearly') this.#log?.warn('the store has nearly used up its quota', fields)
    this.#level = level
  }
}
