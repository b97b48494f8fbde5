/** Migrations of stored versions (upstream: pkg/apis/storagemigration/validation). */
import type { StorageVersionMigration } from '../../../api/generated/types/storagemigration-v1beta1.ts'
import { findCondition } from '../../../api/meta/conditions.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldRequired } from '../../../api/meta/field-errors.ts'
import { isDNS1035Label, isDNS1123Subdomain } from '../../../api/meta/names.ts'
import { immutable } from '../validation/common.ts'

type Migration = StorageVersionMigration

export function* validateMigration({ spec }: Migration): Generator<FieldError> {
  const { group = '', resource = '' } = spec?.resource ?? {}
  const path = 'spec.resource.resource'
  if (resource === '') yield fieldRequired(path, 'resource is required to be set')
  else if (isDNS1035Label(resource).length > 0) yield fieldInvalid(path, resource, isDNS1035Label(resource).join(','))
  if (group !== '' && isDNS1123Subdomain(group).length > 0) yield fieldInvalid('spec.resource.group', group, isDNS1123Subdomain(group).join(','))
}

export function* validateMigrationUpdate(migration: Migration, old: Migration): Generator<FieldError> {
  yield* validateMigration(migration)
  yield* immutable('spec', migration.spec, old.spec)
}

const is = ({ status }: Migration, type: string): boolean => findCondition(status?.conditions, type)?.status === 'True'

export function* validateMigrationStatus(migration: Migration, old: Migration): Generator<FieldError> {
  const [version, before] = [migration.status?.resourceVersion ?? '', old.status?.resourceVersion ?? '']
  const path = 'status.resourceVersion'
  if (version !== '' && !/^[1-9]\d*$/.test(version)) yield fieldInvalid(path, version, `resource version is not well formed: ${version}`)
  if (before !== '' && before !== version) yield fieldInvalid(path, version, 'field is immutable')
  const conditions = migration.status?.conditions
  if (is(migration, 'Succeeded') && is(migration, 'Failed')) {
    yield fieldInvalid('status.conditions', conditions, 'Both success and failed conditions cannot be true at the same time')
  }
  if (is(old, 'Succeeded') && !is(migration, 'Succeeded')) yield fieldInvalid('status.conditions', conditions, 'Success condition cannot be set to false once it is true')
  if (is(old, 'Failed') && !is(migration, 'Failed')) yield fieldInvalid('status.conditions', conditions, 'Failed condition cannot be set to false once it is true')
}
