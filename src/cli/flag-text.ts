/** Values of flags as pflag and component-base print them (String of their types); /flagz shows them so. */
import { formatDuration } from '../api/meta/time.ts'
import type { Flag, FlagValue } from './command.ts'

const nothing = { string: '', bool: false, int: 0, float: 0 }

/** What a flag's value looks like; `undefined` is one that was not given and has no default. */
export function flagText({ type, shown }: Pick<Flag, 'type' | 'shown'>, value: FlagValue | undefined): string {
  if (shown === 'plain') return ((value as readonly string[] | undefined) ?? []).join(',')
  if (shown === 'gates') return Object.entries(value ?? {}).map(([gate, on]) => `:${gate}=${on}`).join(',')
  switch (type) {
    case 'duration': return formatDuration((value as number | undefined) ?? 0)
    case 'list': case 'array': return `[${((value as readonly string[] | undefined) ?? []).map(csvField).join(',')}]`
    case 'map': return Object.entries(value ?? {}).map(([key, one]) => `${key}=${one}`).sort().join(',')
    default: return String((value as string | number | boolean | undefined) ?? nothing[type])
  }
}

/** A field of a line of comma-separated values, as Go's encoding/csv writes it. */
function csvField(text: string): string {
  return text === '\\.' || /[",\r\n]|^[ \t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
