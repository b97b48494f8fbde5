import { expect, test } from 'vitest'
import { StatusError } from '../../api/meta/errors.ts'
import { assertTransformFits, defaultColumns, goPackage, parseIncludeObject, toPartial, toPartialList, toTable } from './transform.ts'

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', creationTimestamp: '2026-01-01T00:00:00Z' }, spec: {} }
const options = { columns: defaultColumns, includeObject: 'Metadata' as const, version: 'v1' as const, now: new Date(0), hidden: [] }

test('a table holds columns, cells and metadata', () => {
  expect(toTable([pod], { resourceVersion: '5' }, options)).toEqual({
    kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: '5' },
    columnDefinitions: [
      { name: 'Name', type: 'string', format: 'name', description: expect.any(String), priority: 0 },
      { name: 'Created At', type: 'date', format: '', description: expect.any(String), priority: 0 },
    ],
    rows: [{
      cells: ['web', '2026-01-01T00:00:00Z'],
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: pod.metadata },
    }],
  })
})

test('later events of a watch leave out the columns', () => {
  expect(toTable([pod], {}, options, false)).toMatchObject({ columnDefinitions: null })
})

test('includeObject decides what a row carries', () => {
  const row = (includeObject: 'None' | 'Object') => (toTable([pod], {}, { ...options, includeObject }) as { rows: { object: unknown }[] }).rows[0]!.object
  expect(row('None')).toBeNull()
  expect(row('Object')).toBe(pod)
  const bookmark = { ...pod, metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } }
  expect((toTable([bookmark], {}, { ...options, includeObject: 'None' }) as { rows: { object: unknown }[] }).rows[0]!.object).toMatchObject({ metadata: bookmark.metadata })
  expect(parseIncludeObject(new URLSearchParams())).toBe('Metadata')
  expect(() => parseIncludeObject(new URLSearchParams('includeObject=All'))).toThrow(/Unable to convert to Table/)
})

test('a column that fails on an odd object does not take the list down', () => {
  const columns = [{ name: 'Odd', type: 'string', value: () => { throw new TypeError('no such field') } }]
  expect(toTable([pod], {}, { ...options, columns })).toMatchObject({ rows: [{ cells: ['<unknown>'] }] })
})

test('one object is no list and a list no object', () => {
  for (const [kind, isList] of [['PartialObjectMetadata', true], ['PartialObjectMetadataList', false]] as const) {
    const refused = (() => {
      try {
        assertTransformFits({ kind, version: 'v1' }, isList, 'PodList', goPackage(''))
      } catch (error) {
        return error
      }
    })()
    expect(refused).toBeInstanceOf(StatusError)
    expect((refused as StatusError).code).toBe(406)
  }
})

test('metadata alone is shown without the annotations that are fields of their own', () => {
  const set = { ...pod, metadata: { ...pod.metadata, annotations: { a: '1', b: '2' } } }
  const shown = (hidden: string[]) => toPartial(set, 'v1', hidden).metadata.annotations
  expect(shown(['a'])).toEqual({ b: '2' })
  expect(shown(['a', 'b'])).toBeUndefined()
  expect(toPartialList([], {}, 'v1', [])).toMatchObject({ items: null })
})
