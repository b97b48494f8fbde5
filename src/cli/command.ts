/**
 * Subcommands and flags as data. Flags are parsed as Go's pflag does it (upstream's components and their manifests rely
 * on it): --name=value and --name value, booleans that take a value only after "=", -v=4, repeated and comma lists,
 * a=b maps, "_" read as "-".
 */
import { flagText } from './flag-text.ts'

/** 'array' is a list whose elements may hold commas: one for each time that the flag is given. */
export type FlagType = 'string' | 'bool' | 'int' | 'float' | 'duration' | 'list' | 'array' | 'map'
export type FlagValue = string | boolean | number | readonly string[] | Readonly<Record<string, string>>

export interface Flag {
  readonly name: string
  readonly short?: string
  readonly type: FlagType
  readonly default?: FlagValue
  /** One line of help; ends up after the name in --help. */
  readonly help: string
  /** Heading that --help puts it under, as upstream groups its flags. */
  readonly group?: string
  /** 'accepted': taken without effect. 'refused': an error with `reason`. Default: honoured. */
  readonly effect?: 'honoured' | 'accepted' | 'refused'
  readonly reason?: string
  readonly required?: boolean
  /** How upstream prints the value where its type does not tell: a list without brackets, gates by (here: no) component. */
  readonly shown?: 'plain' | 'gates'
}

export interface Invocation {
  readonly flags: FlagValues
  readonly args: readonly string[]
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
}

export interface Command {
  readonly name: string
  readonly summary: string
  /** Longer help with examples. */
  readonly description?: string
  /** "NAME [FILE...]" behind the command's own name in the usage line. */
  readonly arguments?: string
  readonly flags?: readonly Flag[]
  /** Nested commands, as `image make`. A command with these and `run` runs where none is named. */
  readonly commands?: readonly Command[]
  /** Resolves with the exit code when the work is done (servers: when they were stopped). */
  run?(invocation: Invocation): Promise<number>
}

/** Values by flag name. Getters throw when the flag does not exist or has another type: a bug, not bad input. */
export class FlagValues {
  readonly #values: Map<string, FlagValue>
  readonly #set: Set<string>
  readonly #flags: readonly Flag[]
  constructor(values: Map<string, FlagValue>, set: Set<string>, flags: readonly Flag[] = []) {
    this.#values = values
    this.#set = set
    this.#flags = flags
  }
  /** Every flag with its value as a text, also what was not given. */
  texts(): Record<string, string> {
    const entries = this.#flags.map((flag) => [flag.name, flagText(flag, this.#values.get(flag.name))])
    return { ...Object.fromEntries(entries) as Record<string, string>, help: 'false' }
  }
  /** Whether the user gave it. */
  given(name: string): boolean {
    return this.#set.has(name)
  }
  string(name: string): string | undefined {
    const value = this.#values.get(name)
    return value === undefined ? undefined : typeof value === 'object' ? JSON.stringify(value) : String(value)
  }
  bool(name: string): boolean {
    return this.#values.get(name) === true
  }
  number(name: string): number | undefined {
    const value = this.#values.get(name)
    return typeof value === 'number' ? value : undefined
  }
  list(name: string): readonly string[] {
    const value = this.#values.get(name)
    return Array.isArray(value) ? (value as readonly string[]) : []
  }
  map(name: string): Readonly<Record<string, string>> {
    const value = this.#values.get(name)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, string>) : {}
  }
}

/** Bad input on the command line; the message says what to do. */
export class UsageError extends Error {}

/** Parses pflag-style words. Durations are given in ms. Throws UsageError with pflag's texts. */
export function parseFlags(flags: readonly Flag[], words: readonly string[]): { values: FlagValues; args: string[] } {
  const byName = new Map(flags.map((flag) => [flag.name, flag]))
  const byShort = new Map(flags.filter((flag) => flag.short !== undefined).map((flag) => [flag.short!, flag]))
  const values = new Map<string, FlagValue>()
  for (const flag of flags) if (flag.default !== undefined) values.set(flag.name, flag.default)
  const given = new Set<string>()
  const args: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === '--') {
      args.push(...words.slice(i + 1))
      break
    }
    if (!word.startsWith('-') || word === '-') {
      args.push(word)
      continue
    }
    const { flag, text, shown } = word.startsWith('--') ? longFlag(byName, word) : shortFlag(byShort, word)
    let value = text
    if (value === undefined && flag.type === 'bool') value = 'true'
    if (value === undefined) {
      if (i + 1 >= words.length) throw new UsageError(`flag needs an argument: ${shown}`)
      value = words[++i]!
    }
    const parsed = parseValue(flag, value, given.has(flag.name) ? values.get(flag.name) : undefined)
    if (flag.effect === 'refused' && parsed !== flag.default) throw new UsageError(`flag --${flag.name} is not supported: ${flag.reason ?? 'no reason given'}`)
    values.set(flag.name, parsed)
    given.add(flag.name)
  }
  for (const flag of flags) {
    if (flag.required === true && !given.has(flag.name)) throw new UsageError(`required flag(s) "${flag.name}" not set`)
  }
  return { values: new FlagValues(values, given, flags), args }
}

interface Match {
  flag: Flag
  text: string | undefined
  shown: string
}

function longFlag(byName: ReadonlyMap<string, Flag>, word: string): Match {
  const equals = word.indexOf('=')
  const name = (equals < 0 ? word.slice(2) : word.slice(2, equals)).replaceAll('_', '-')
  const flag = byName.get(name)
  if (flag === undefined) throw new UsageError(`unknown flag: --${name}`)
  return { flag, text: equals < 0 ? undefined : word.slice(equals + 1), shown: `--${name}` }
}

function shortFlag(byShort: ReadonlyMap<string, Flag>, word: string): Match {
  const flag = byShort.get(word[1]!)
  if (flag === undefined) throw new UsageError(`unknown shorthand flag: '${word[1]}' in ${word}`)
  const rest = word.slice(2)
  return { flag, text: rest === '' ? undefined : rest.startsWith('=') ? rest.slice(1) : rest, shown: `-${flag.short}` }
}

function parseValue(flag: Flag, text: string, before: FlagValue | undefined): FlagValue {
  const fail = (why: string) => new UsageError(`invalid argument ${JSON.stringify(text)} for "--${flag.name}" flag: ${why}`)
  switch (flag.type) {
    case 'string':
      return text
    case 'bool': {
      if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true
      if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false
      throw fail(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
    }
    case 'int': {
      if (!/^[+-]?\d+$/.test(text)) throw fail(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
      return Number(text)
    }
    case 'float': {
      const value = Number(text)
      if (text.trim() === '' || Number.isNaN(value)) throw fail(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`)
      return value
    }
    case 'duration': {
      const value = parseGoDuration(text)
      if (value === undefined) throw fail(`time: invalid duration ${JSON.stringify(text)}`)
      return value
    }
    case 'list':
      return [...((before as readonly string[] | undefined) ?? []), ...(text === '' ? [] : text.split(','))]
    case 'array':
      return [...((before as readonly string[] | undefined) ?? []), text]
    case 'map': {
      const map: Record<string, string> = { ...(before as Record<string, string> | undefined) }
      for (const pair of text === '' ? [] : text.split(',')) {
        const equals = pair.indexOf('=')
        if (equals < 0) throw fail(`${pair} must be formatted as key=value`)
        map[pair.slice(0, equals).trim()] = pair.slice(equals + 1).trim()
      }
      return map
    }
  }
}

const unitMs: Record<string, number> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 }

/** Go's time.ParseDuration in ms; undefined when it is none. */
export function parseGoDuration(text: string): number | undefined {
  const match = /^([+-])?((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+|0)$/.exec(text)
  if (match === null) return undefined
  let total = 0
  for (const [, number, unit] of match[2]!.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g)) total += Number(number) * unitMs[unit!]!
  return match[1] === '-' ? -total : total
}
