/** Leases and candidates for them (upstream: pkg/apis/coordination/validation). */
import type { Lease } from '../../../api/generated/types/coordination-v1.ts'
import type { LeaseCandidate } from '../../../api/generated/types/coordination-v1beta1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired } from '../../../api/meta/field-errors.ts'
import { immutable, qualifiedName } from '../validation/common.ts'

/** Upstream says "strategy" twice in the path. */
function* strategyErrors(path: string, strategy: string): Generator<FieldError> {
  if (strategy.includes('/')) yield* qualifiedName(`${path}.strategy`, strategy)
  else if (strategy !== 'OldestEmulationVersion') yield fieldNotSupported(`${path}.strategy`, strategy, ['OldestEmulationVersion'])
}

export function* validateLease({ spec }: Lease): Generator<FieldError> {
  const { leaseDurationSeconds: duration, leaseTransitions: transitions, strategy, preferredHolder } = spec ?? {}
  if (typeof duration === 'number' && duration <= 0) yield fieldInvalid('spec.leaseDurationSeconds', duration, 'must be greater than 0')
  if (typeof transitions === 'number' && transitions < 0) yield fieldInvalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0')
  if (typeof strategy === 'string') yield* strategyErrors('spec.strategy', strategy)
  if (preferredHolder && !strategy) yield fieldForbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined')
}

type Version = readonly [numbers: readonly number[], pre: readonly string[]]

const semver = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/

function versionOf(text: string): Version | undefined {
  const match = semver.exec(text)
  return match === null ? undefined : [[Number(match[1]), Number(match[2]), Number(match[3])], match[4]?.split('.') ?? []]
}

function lessThan([a, preA]: Version, [b, preB]: Version): boolean {
  for (const i of [0, 1, 2]) if (a[i] !== b[i]) return a[i]! < b[i]!
  if (preA.length === 0 || preB.length === 0) return preA.length > 0 && preB.length === 0
  return preA.join('.') < preB.join('.')
}

export function* validateLeaseCandidate({ spec }: LeaseCandidate): Generator<FieldError> {
  const { leaseName, emulationVersion = '', binaryVersion = '', strategy = '' } = spec ?? {}
  if (!leaseName) yield fieldRequired('spec.leaseName')
  const emulation = versionOf(emulationVersion)
  const binary = versionOf(binaryVersion)
  const malformed = (name: string, value: string): FieldError => fieldInvalid(`spec.${name}`, value, 'must be a valid semantic version')
  if (emulationVersion !== '' && emulation === undefined) yield malformed('emulationVersion', emulationVersion)
  if (binaryVersion === '') yield fieldRequired('spec.binaryVersion')
  else if (binary === undefined) yield malformed('binaryVersion', binaryVersion)
  const zero: Version = [[0, 0, 0], []]
  if (binaryVersion !== '' && emulationVersion !== '' && lessThan(binary ?? zero, emulation ?? zero)) {
    yield fieldInvalid('spec.binaryVersion', binaryVersion, 'must be greater than or equal to `emulationVersion`')
  }
  if (strategy === '') {
    yield fieldRequired('spec.strategy')
    return
  }
  if (strategy === 'OldestEmulationVersion' && (emulation === undefined || emulation[0].every((n) => n === 0))) {
    yield fieldRequired('spec.emulationVersion', "must be specified when `strategy` is 'OldestEmulationVersion'")
  }
  yield* strategyErrors('spec.strategy', strategy)
}

export function* validateLeaseCandidateUpdate(candidate: LeaseCandidate, old: LeaseCandidate): Generator<FieldError> {
  yield* validateLeaseCandidate(candidate)
  yield* immutable('spec.leaseName', candidate.spec?.leaseName, old.spec?.leaseName)
}
