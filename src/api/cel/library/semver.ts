/** Semantic versions (apiserver/pkg/cel/library/semverlib.go), read as blang/semver reads them. */
import { goQuote } from '../../meta/go-text.ts'
import type { FunctionDeclaration, Library } from '../checker/declarations.ts'
import { compareStrings } from '../eval/compare.ts'
import { BOOL, INT, STRING, structType, type CelType } from '../types.ts'
import { CelError, Opaque, intOf, noSuchOverload } from '../values.ts'
import { fn, global, method } from './define.ts'

const semverType = structType('kubernetes.Semver')

class SemverValue extends Opaque {
  readonly numbers: readonly bigint[]
  readonly pre: readonly string[]
  readonly text: string
  get type(): CelType { return semverType }

  constructor(numbers: readonly bigint[], pre: readonly string[], text: string) {
    super()
    this.numbers = numbers
    this.pre = pre
    this.text = text
  }

  equals(other: unknown): boolean | CelError {
    return other instanceof SemverValue ? compareVersions(this, other) === 0 : noSuchOverload()
  }

  toString(): string {
    return this.text
  }
}

const numeric = (text: string): boolean => /^\d+$/.test(text)

function compareVersions(a: SemverValue, b: SemverValue): number {
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index] as bigint
    if (number !== other) return number > other ? 1 : -1
  }
  if (a.pre.length === 0 || b.pre.length === 0) return Math.sign(b.pre.length - a.pre.length)
  for (let i = 0; i < Math.min(a.pre.length, b.pre.length); i++) {
    const order = comparePre(a.pre[i] as string, b.pre[i] as string)
    if (order !== 0) return order
  }
  return Math.sign(a.pre.length - b.pre.length)
}

function comparePre(a: string, b: string): number {
  if (numeric(a) !== numeric(b)) return numeric(a) ? -1 : 1
  if (!numeric(a)) return compareStrings(a, b)
  const [x, y] = [BigInt(a), BigInt(b)]
  return x === y ? 0 : x > y ? 1 : -1
}

/** strings.SplitN(text, ".", 3) */
function splitThree(text: string): string[] {
  const parts = text.split('.')
  return parts.length <= 3 ? parts : [...parts.slice(0, 2), parts.slice(2).join('.')]
}

function numberError(what: string, text: string): string | undefined {
  if (!/^\d*$/.test(text)) return `Invalid character(s) found in ${what.toLowerCase()} number ${goQuote(text)}`
  if (text.length > 1 && text.startsWith('0')) return `${what} number must not contain leading zeroes ${goQuote(text)}`
  if (text === '') return `strconv.ParseUint: parsing ${goQuote(text)}: invalid syntax`
  return BigInt(text) >= 2n ** 64n ? `strconv.ParseUint: parsing ${goQuote(text)}: value out of range` : undefined
}

function preError(text: string): string | undefined {
  if (text === '') return 'Prerelease is empty'
  if (numeric(text)) {
    const zeroes = text.length > 1 && text.startsWith('0')
    return zeroes ? `Numeric PreRelease version must not contain leading zeroes ${goQuote(text)}` : undefined
  }
  return /^[0-9A-Za-z-]+$/.test(text) ? undefined : `Invalid character(s) found in prerelease ${goQuote(text)}`
}

function buildError(text: string): string | undefined {
  if (text === '') return 'Build meta data is empty'
  return /^[0-9A-Za-z-]+$/.test(text) ? undefined : `Invalid character(s) found in build meta data ${goQuote(text)}`
}

/** A version as `semver(text)` reads it. */
export function parseSemver(text: string): SemverValue | CelError {
  if (text === '') return new CelError('Version string empty')
  const parts = splitThree(text)
  if (parts.length !== 3) return new CelError('No Major.Minor.Patch elements found')
  const [major, minor, tail] = parts as [string, string, string]
  const plus = tail.indexOf('+')
  const build = plus < 0 ? [] : tail.slice(plus + 1).split('.')
  const body = plus < 0 ? tail : tail.slice(0, plus)
  const dash = body.indexOf('-')
  const pre = dash < 0 ? [] : body.slice(dash + 1).split('.')
  const patch = dash < 0 ? body : body.slice(0, dash)
  const problem =
    numberError('Major', major) ?? numberError('Minor', minor) ?? numberError('Patch', patch) ??
    first(pre, preError) ?? first(build, buildError)
  if (problem !== undefined) return new CelError(problem)
  return new SemverValue([major, minor, patch].map(BigInt), pre, text)
}

function first(texts: readonly string[], check: (text: string) => string | undefined): string | undefined {
  for (const text of texts) {
    const problem = check(text)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** A leading v, leading zeros and missing parts are mended first. */
function parseNormalized(text: string): SemverValue | CelError {
  const parts = splitThree(text.replace(/^v/, '')).map((part) => {
    if (part.length <= 1) return part
    const trimmed = part.replace(/^0+/, '')
    return /^[0-9]/.test(trimmed) ? trimmed : `0${trimmed}`
  })
  if (parts.length < 3) {
    if (/[+-]/.test(parts.at(-1) as string)) {
      return new CelError('short version cannot contain PreRelease/Build meta data')
    }
    while (parts.length < 3) parts.push('0')
  }
  return parseSemver(parts.join('.'))
}

const read = (text: unknown, normalize: unknown): SemverValue | CelError =>
  normalize === true ? parseNormalized(text as string) : parseSemver(text as string)

const part = (name: string, index: number): FunctionDeclaration =>
  fn(name, [
    method(`semver_${name}`, [semverType], INT, (value) => intOf((value as SemverValue).numbers[index] as bigint)),
  ])

const order = (name: string, id: string, result: CelType, tell: (order: number) => unknown): FunctionDeclaration =>
  fn(name, [
    method(id, [semverType, semverType], result, (a, b) => tell(compareVersions(a as SemverValue, b as SemverValue))),
  ])

export const semverLibrary: Library = {
  functions: [
    fn('semver', [
      global('string_to_semver', [STRING], semverType, (text) => read(text, false)),
      global('string_bool_to_semver', [STRING, BOOL], semverType, read),
    ]),
    fn('isSemver', [
      global('is_semver_string', [STRING], BOOL, (text) => read(text, false) instanceof SemverValue),
      global('is_semver_string_bool', [STRING, BOOL], BOOL, (text, normalize) => read(text, normalize) instanceof SemverValue),
    ]),
    order('isGreaterThan', 'semver_is_greater_than', BOOL, (compared) => compared > 0),
    order('isLessThan', 'semver_is_less_than', BOOL, (compared) => compared < 0),
    order('compareTo', 'semver_compare_to', INT, (compared) => compared),
    part('major', 0),
    part('minor', 1),
    part('patch', 2),
  ],
}
