import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../base/real/env.ts'
import { storeSuite } from '../suite.ts'
import { hasOrderedProgress, openEtcdStore } from './etcd.ts'
import type { TestEtcd } from './testing.ts'
import { etcdMissing, startTestEtcd } from './testing.ts'
import { rangeEnd } from './watch.ts'

const skip = etcdMissing()
let etcd: TestEtcd | undefined
beforeAll(async () => {
  if (skip === undefined) etcd = await startTestEtcd()
})
afterAll(() => etcd?.stop())

let tests = 0
storeSuite({
  name: 'etcd',
  ...(skip === undefined ? {} : { skip }),
  leaseSlackMs: 2500,
  open: async () => openEtcdStore({ endpoints: [etcd!.endpoint], clock: systemClock, prefix: `/test-${++tests}` }),
  passTime: (ms) => systemClock.sleep(ms),
})

describe('ordered progress', () => {
  it.each([['3.4.23', false], ['3.4.31', true], ['3.5.12', false], ['3.5.13', true], ['3.6.0-rc.1', true], ['3.3.9', false], ['4.0.0', true]])(
    'of %s: %s', (version, ordered) => expect(hasOrderedProgress(version)).toBe(ordered))
})

describe('the end of a prefix', () => {
  it.each([
    ['/a/', '/a0'], ['', '\0'], ['\xff', '\0'],
  ])('of %j is %j', (prefix, end) => {
    expect(rangeEnd(Buffer.from(prefix, 'latin1')).toString('latin1')).toBe(end)
  })
})
