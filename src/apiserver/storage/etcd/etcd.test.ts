import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../base/real/env.ts'
import { CompactedError } from '../store.ts'
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

describe.skipIf(skip !== undefined)('servers that share an etcd', () => {
  it('take turns to compact it, as upstream\'s do, and know how far others went', async () => {
    const [a, b] = [1, 2].map(() => openEtcdStore({ endpoints: [etcd!.endpoint], clock: systemClock, prefix: '/turns/' }))
    const turns = (key: string) => a!.get(key).then(({ item }) => Buffer.from(item!.value).toString())
    const revisions: number[] = []
    for (let i = 0; i < 6; i++) revisions.push((await a!.create(`/k/${i}`, Buffer.from('x'))).revision)
    // Nobody compacts when it begins.
    expect(await a!.compactInTurn!(0)).toBe(0)
    expect((await a!.list('/k/', { revision: revisions[0] })).items).toHaveLength(1)
    // Who comes second learns of the first, and it is its turn when that one does not come again.
    expect(await b!.compactInTurn!(0)).toBe(0)
    expect(await b!.compactInTurn!(revisions[2]!)).toBe(revisions[2])
    expect(await turns('compact_rev_key')).toBe(String(revisions[2]))
    expect(await a!.compactInTurn!(revisions[1]!)).toBe(revisions[2])
    await expect(a!.list('/k/', { revision: revisions[1] })).rejects.toBeInstanceOf(CompactedError)
    expect((await a!.list('/k/', { revision: revisions[2] })).items).toHaveLength(3)
    expect(await a!.compactInTurn!(revisions[4]!)).toBe(revisions[4])
    expect(await b!.compactInTurn!(revisions[5]!)).toBe(revisions[4])
    await Promise.all([a!.close(), b!.close()])
  })
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
