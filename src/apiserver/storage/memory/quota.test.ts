import { describe, expect, it } from 'vitest'
import { StoreError, noSpace } from '../store.ts'
import { Quota, isUsedUp, quotaOf } from './quota.ts'

describe('a quota', () => {
  it.each([[undefined, 8 * 1024 ** 3], [0, 8 * 1024 ** 3], [-1, Infinity], [1000, 1000]])('that is given as %s is %s bytes', (flag, bytes) => expect(quotaOf(flag)).toBe(bytes))

  it.each([[999, false], [1000, false], [1001, true]])('of 1000 with %i used is used up: %s', (used, usedUp) => {
    expect(isUsedUp({ used, quota: 1000 })).toBe(usedUp)
    const write = () => new Quota(1000).admit(used, false)
    if (usedUp) expect(write).toThrow(new StoreError(noSpace))
    else expect(write).not.toThrow()
    expect(() => new Quota(1000).admit(used, true)).not.toThrow()
  })
})
