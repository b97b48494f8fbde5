/** Which level of which version a namespace asks for, and what a pod has against it. */
import type { PodSpec } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid } from '../../../api/meta/field-errors.ts'
import type { ObjectMeta } from '../../../api/meta/object.ts'
import { baselineChecks } from './baseline.ts'
import type { CheckPod, Violation } from './check.ts'
import { restrictedChecks } from './restricted.ts'

export type Level = 'privileged' | 'baseline' | 'restricted'
const levels: readonly Level[] = ['privileged', 'baseline', 'restricted']

export interface LevelVersion {
  readonly level: Level
  /** Minor version; undefined for "latest". */
  readonly minor: number | undefined
}

export type Mode = 'enforce' | 'audit' | 'warn'
export type Policy = Readonly<Record<Mode, LevelVersion>>

const latest = (level: Level): LevelVersion => ({ level, minor: undefined })
export const privilegedPolicy: Policy = { enforce: latest('privileged'), audit: latest('privileged'), warn: latest('privileged') }

export const prefix = 'pod-security.kubernetes.io/'

export function policyText({ level, minor }: LevelVersion): string {
  return `${level}:${minor === undefined ? 'latest' : `v1.${minor}`}`
}

export const stricter = (a: Level, b: Level): boolean => levels.indexOf(a) > levels.indexOf(b)

type Labels = Readonly<Record<string, string>>

function readMode(labels: Labels, mode: Mode, base: LevelVersion, errors: FieldError[]): LevelVersion {
  let { level, minor } = base
  const levelLabel = labels[prefix + mode]
  if (levelLabel !== undefined) {
    const found = levels.find((l) => l === levelLabel)
    if (found === undefined) errors.push(fieldInvalid(`metadata.labels[${prefix}${mode}]`, levelLabel, `must be one of ${levels.join(', ')}`))
    level = found ?? (mode === 'enforce' ? 'restricted' : 'privileged')
  }
  const versionLabel = labels[`${prefix}${mode}-version`]
  if (versionLabel !== undefined) {
    const match = /^v1\.([0-9]|[1-9][0-9]*)$/.exec(versionLabel)
    if (match === null && versionLabel !== 'latest') {
      errors.push(fieldInvalid(`metadata.labels[${prefix}${mode}-version]`, versionLabel, 'must be "latest" or "v1.x"'))
    }
    minor = match === null ? undefined : Number(match[1])
  }
  return { level, minor }
}

/** The policy that a namespace's labels ask for; wrong labels fail closed for enforce and open for the others. */
export function policyOf(labels: Labels | undefined, defaults: Policy): { policy: Policy; errors: readonly FieldError[] } {
  if (labels === undefined) return { policy: defaults, errors: [] }
  const errors: FieldError[] = []
  const before = errors.length
  const enforce = readMode(labels, 'enforce', defaults.enforce, errors)
  const enforceStated = labels[`${prefix}enforce`] !== undefined && errors.slice(before).every((e) => !e.field.endsWith('/enforce]'))
  const audit = readMode(labels, 'audit', defaults.audit, errors)
  let warn = readMode(labels, 'warn', defaults.warn, errors)
  if (labels[`${prefix}warn`] === undefined && enforceStated && stricter(enforce.level, warn.level)) {
    warn = { level: enforce.level, minor: labels[`${prefix}warn-version`] === undefined ? enforce.minor : warn.minor }
  }
  return { policy: { enforce, audit, warn }, errors }
}

interface Selected { readonly id: string; readonly check: CheckPod; readonly overrides: readonly string[] }

function select(checks: typeof baselineChecks, minor: number | undefined): Selected[] {
  return checks.flatMap(({ id, versions }) => {
    const form = versions.filter((v) => minor === undefined || v.since <= minor).at(-1)
    return form === undefined ? [] : [{ id, check: form.check, overrides: form.overrides ?? [] }]
  })
}

const selections = new Map<string, readonly CheckPod[]>()

function checksOf(policy: LevelVersion): readonly CheckPod[] {
  const key = policyText(policy)
  const known = selections.get(key)
  if (known !== undefined) return known
  const baseline = select(baselineChecks, policy.minor)
  const restricted = policy.level === 'restricted' ? select(restrictedChecks, policy.minor) : []
  const overridden = new Set(restricted.flatMap((c) => c.overrides))
  const checks = [...baseline.filter((c) => !overridden.has(c.id)), ...restricted].map((c) => c.check)
  selections.set(key, checks)
  return checks
}

/** Everything in which a pod breaks a level; empty when it keeps it. */
export function violations(policy: LevelVersion, metadata: ObjectMeta, spec: PodSpec): Violation[] {
  if (policy.level === 'privileged') return []
  return checksOf(policy).map((check) => check(spec, metadata)).filter((v) => v !== undefined)
}

/** 'privileged (container "a" must not …), hostPort (…)' */
export function violationText(found: readonly Violation[]): string {
  return found.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ')
}
