import type { Command, Flag } from './command.ts'

/** The text of --help: what it is, how it is called, nested commands, flags under upstream's headings. */
export function helpText(path: readonly string[], command: Command): string {
  const out: string[] = []
  out.push(command.description ?? command.summary, '')
  const words = [...path, ...(command.commands === undefined ? [] : ['COMMAND']), ...(command.arguments === undefined ? [] : [command.arguments])]
  out.push('Usage:', `  ${words.join(' ')}${(command.flags?.length ?? 0) > 0 ? ' [flags]' : ''}`, '')
  if (command.commands !== undefined) {
    out.push('Commands:')
    const width = Math.max(...command.commands.map((c) => c.name.length))
    for (const c of command.commands) out.push(`  ${c.name.padEnd(width)}  ${c.summary}`)
    out.push('', `Run "${path.join(' ')} COMMAND --help" for more on one of them.`, '')
  }
  const groups = new Map<string, Flag[]>()
  for (const flag of command.flags ?? []) {
    const heading = flag.group ?? ''
    groups.set(heading, [...(groups.get(heading) ?? []), flag])
  }
  for (const [heading, flags] of groups) {
    out.push(heading === '' ? 'Flags:' : `${heading} flags:`)
    const names = flags.map(flagName)
    const width = Math.min(44, Math.max(...names.map((n) => n.length)))
    flags.forEach((flag, i) => {
      const name = names[i]!
      const text = `${flag.help}${defaultText(flag)}${effectText(flag)}`
      out.push(name.length > width ? `  ${name}\n  ${' '.repeat(width)}  ${text}` : `  ${name.padEnd(width)}  ${text}`)
    })
    out.push('')
  }
  return out.join('\n').trimEnd() + '\n'
}

function flagName(flag: Flag): string {
  const kind = flag.type === 'bool' ? '' : ` ${flag.type === 'array' ? 'a' : flag.type === 'list' ? 'a,b,…' : flag.type === 'map' ? 'a=b,…' : flag.type}`
  return `${flag.short === undefined ? '    ' : `-${flag.short}, `}--${flag.name}${kind}`
}

function defaultText(flag: Flag): string {
  const value = flag.default
  if (value === undefined || value === false || value === '') return ''
  if (flag.type === 'duration') return ` (default ${String(Number(value) / 1000)}s)`
  if (Array.isArray(value)) return value.length === 0 ? '' : ` (default ${value.join(',')})`
  if (typeof value === 'object') return ''
  return ` (default ${typeof value === 'string' ? JSON.stringify(value) : String(value)})`
}

function effectText(flag: Flag): string {
  if (flag.effect === 'accepted') return ` [accepted without effect${flag.reason === undefined ? '' : `: ${flag.reason}`}]`
  if (flag.effect === 'refused') return ` [refused: ${flag.reason ?? ''}]`
  return ''
}
