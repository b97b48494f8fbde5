/** Pieces of printer columns that many kinds share (upstream: pkg/printers/internalversion/printers.go). */
import type { Container } from '../../api/generated/types/core-v1.ts'
import { compareText } from '../../api/meta/go-text.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { ageOf } from '../../api/meta/time.ts'
import type { Column } from './define.ts'

type Value<T> = (object: T, now: Date) => unknown

const column = (type: string, priority?: number) => <T extends KubeObject>(name: string, value: Value<T>): Column<T> =>
  ({ name, type, value, ...(priority === undefined ? {} : { priority }) })

export const text = column('string')
/** A name, which clients may show as such. */
export const named = <T extends KubeObject>(name: string, value: Value<T>, priority?: number): Column<T> => ({ ...column('string', priority)(name, value), format: 'name' })
/** Shown with -o wide only. */
export const wide = column('string', 1)
export const integer = column('integer')
export const boolean = column('boolean')

/** The object's name; `value` adds to it what some kinds print there. */
export function nameColumn<T extends KubeObject>(value: Value<T> = (o) => o.metadata.name): Column<T> {
  return { name: 'Name', type: 'string', format: 'name', value }
}

export function ageColumn<T extends KubeObject>(): Column<T> {
  return text('Age', (o, now) => ageOf(o.metadata.creationTimestamp, now))
}

/** A kind's columns for another version of it: cells are those of the stored form, as upstream prints its internal types. */
export function columnsThrough<T extends KubeObject>(columns: readonly Column<T>[], toStored: (object: KubeObject) => KubeObject): Column<KubeObject>[] {
  return columns.map((column) => ({ ...column, value: (object, now) => column.value(toStored(object) as T, now) }))
}

/** "a=1,b=2" in key order, "<none>" when there are none. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined | null): string {
  const entries = Object.entries(labels ?? {})
  if (entries.length === 0) return '<none>'
  return entries.map(([key, value]) => `${key}=${value}`).sort(compareText).join(',')
}

interface WithContainers { spec?: { containers?: readonly Container[] } }

export const containerNames = (template: WithContainers | undefined): string =>
  (template?.spec?.containers ?? []).map((c) => c.name).join(',')

export const containerImages = (template: WithContainers | undefined): string =>
  (template?.spec?.containers ?? []).map((c) => c.image ?? '').join(',')

/** Containers and Images, with -o wide, of a kind that makes pods. */
export function templateColumns<T extends KubeObject>(template: (object: T) => WithContainers | undefined): Column<T>[] {
  return [wide('Containers', (o: T) => containerNames(template(o))), wide('Images', (o: T) => containerImages(template(o)))]
}

/** At most `max` of the items, and how many more there are. */
export function listWithMore(items: readonly string[], max: number, empty: string): string {
  const shown = items.slice(0, max).join(',')
  if (items.length > max) return `${shown} + ${items.length - max} more...`
  return shown === '' ? empty : shown
}
