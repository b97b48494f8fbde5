import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../api/meta/object.ts'
import { Cached } from './cached.ts'
import type { Selection } from './selection.ts'
import { selects } from './selection.ts'
import { WatchCache } from './watch-cache.ts'

const labels = ['a', 'b', 'c', 'd', 'e', 'f'] as const
const count = 260

function cachedOf(i: number, revision: number, labelled: Record<string, string> | undefined): Cached {
  const [namespace, name] = [`ns-${i % 3}`, `o-${String(i).padStart(3, '0')}`]
  const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, resourceVersion: String(revision), ...(labelled === undefined ? {} : { labels: labelled }) } }
  return new Cached(object, `${namespace}/${name}`, revision, 10)
}

const selectionOf = (namespace: string, label: string, values: readonly string[]): Selection => ({
  namespace, labelled: { label, values }, matches: ({ metadata }) => metadata.labels !== undefined && Object.hasOwn(metadata.labels, label) && values.includes(metadata.labels[label]!),
})

describe('lists by label', () => {
  const value = fc.constantFrom('', 'x', 'y', 'z')
  const change = fc.record({ i: fc.nat(count - 1), labels: fc.option(fc.dictionary(fc.constantFrom(...labels, 'toString'), value), { nil: undefined }), gone: fc.boolean() })
  const ask = fc.record({ label: fc.constantFrom(...labels, 'toString'), values: fc.array(value, { minLength: 1, maxLength: 3 }), namespace: fc.constantFrom('', 'ns-1', 'none'), limit: fc.constantFrom(0, 1, 7) })

  it('answer what a look at every object answers, whatever changed before and whichever labels were asked for', () => {
    fc.assert(fc.property(fc.array(fc.oneof(change, ask), { maxLength: 120 }), (steps) => {
      const cache = new WatchCache({ revision: 1, now: () => 0 })
      const model = new Map<string, Cached>()
      let revision = 1
      const put = (i: number, labelled: Record<string, string> | undefined, gone: boolean): void => {
        const cached = cachedOf(i, ++revision, labelled)
        if (gone) model.delete(cached.key)
        else model.set(cached.key, cached)
        if (!gone || cache.get(cached.key) !== undefined) cache.apply(revision, cached.key, gone ? undefined : cached)
      }
      for (let i = 0; i < count; i++) put(i, { a: ['x', 'y'][i % 2]!, b: 'z' }, false)
      for (const step of steps) {
        if ('i' in step) put(step.i, step.labels, step.gone)
        else {
          const selection = selectionOf(step.namespace, step.label, step.values)
          const sorted = [...model.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
          const wanted = sorted.filter((cached) => selects(selection, cached.key, cached.object))
          const page = cache.page(selection, { limit: step.limit })
          expect(page.items).toEqual(step.limit === 0 ? wanted : wanted.slice(0, step.limit))
          if (page.last === undefined) continue
          const high = step.namespace === '' ? '\uffff' : `${step.namespace}0`
          expect(page.remaining).toBe(sorted.filter(({ key }) => key > page.last! && key < high).length)
          // The next page begins behind the last one.
          const next = cache.page(selection, { from: `${page.last}\0` })
          expect(next.items).toEqual(wanted.slice(step.limit))
        }
      }
    }), { numRuns: 60 })
  })

  it('look at the objects with the label alone from the second time on', () => {
    const cache = new WatchCache({ revision: 1, now: () => 0 })
    for (let i = 0; i < count; i++) cache.apply(i + 2, cachedOf(i, i + 2, undefined).key, cachedOf(i, i + 2, { shard: String(i % 20) }))
    const look = (shard: string): number => {
      const before = cache.counts.fetched
      expect(cache.page(selectionOf('', 'shard', [shard]), {}).items).toHaveLength(13)
      return cache.counts.fetched - before
    }
    expect([look('1'), look('2'), look('3')]).toEqual([count, 13, 13])
    expect(cache.page(selectionOf('', 'shard', ['1']), { revision: 3 }).items).toHaveLength(1)
  })
})
