/** What API servers say of the versions that they store (upstream: pkg/apis/apiserverinternal/validation). */
import type { StorageVersion } from '../../../api/generated/types/internal-v1alpha1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldInvalid, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { isDNS1035Label, isDNS1123Subdomain, nameIsDNSSubdomain } from '../../../api/meta/names.ts'
import { invalidAll, qualifiedName } from '../validation/common.ts'

type Status = NonNullable<StorageVersion['status']>
type Server = NonNullable<Status['storageVersions']>[number]

/** "<group>.<resource>" */
export function storageVersionName(name: string): string[] {
  const dot = name.lastIndexOf('.')
  if (dot < 0) return ['name must be in the form of <group>.<resource>']
  return [
    ...isDNS1123Subdomain(name.slice(0, dot)).map((message) => `the group segment ${message}`),
    ...isDNS1035Label(name.slice(dot + 1)).map((message) => `the resource segment ${message}`),
  ]
}

export function* validateStorageVersionStatus({ status }: StorageVersion): Generator<FieldError> {
  const servers = status?.storageVersions ?? []
  const seen = new Set<string>()
  for (const [i, server] of servers.entries()) {
    const path = indexPath('status.storageVersions', i)
    const id = server.apiServerID ?? ''
    if (seen.has(id)) yield fieldDuplicate(`${path}.apiServerID`, id)
    seen.add(id)
    yield* serverErrors(path, server)
  }
  yield* commonErrors(servers, status?.commonEncodingVersion)
  yield* conditionErrors(status?.conditions ?? [])
}

function* serverErrors(path: string, { apiServerID = '', encodingVersion = '', decodableVersions = [], servedVersions = [] }: Server): Generator<FieldError> {
  yield* invalidAll(`${path}.apiServerID`, apiServerID, nameIsDNSSubdomain(apiServerID, false))
  yield* versionErrors(`${path}.encodingVersion`, encodingVersion)
  for (const [i, version] of decodableVersions.entries()) yield* versionErrors(indexPath(`${path}.decodableVersions`, i), version)
  if (!decodableVersions.includes(encodingVersion)) {
    yield fieldInvalid(`${path}.decodableVersions`, decodableVersions, `decodableVersions must include encodingVersion ${encodingVersion}`)
  }
  for (const [i, version] of servedVersions.entries()) {
    const at = indexPath(`${path}.servedVersions`, i)
    yield* versionErrors(at, version)
    if (!decodableVersions.includes(version)) {
      yield fieldInvalid(at, version, `individual served version : ${version} must be included in decodableVersions : [${decodableVersions.join(' ')}]`)
    }
  }
}

const versionFormat = "a DNS-1035 label, which must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"

/** "v1" or "group/v1". */
function* versionErrors(path: string, text: string): Generator<FieldError> {
  const parts = text.split('/')
  const messages: string[] = []
  if (parts.length > 2) messages.push(`an apiVersion is ${versionFormat} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyVersion')`)
  else {
    const version = parts.at(-1)!
    if (parts.length === 2) messages.push(...(parts[0] === '' ? ['must be non-empty'] : isDNS1123Subdomain(parts[0]!)).map((message) => `group part: ${message}`))
    if (version === '') messages.push('version part: must be non-empty')
    else if (isDNS1035Label(version).length > 0) messages.push(`version part: ${versionFormat}`)
  }
  if (messages.length > 0) yield fieldInvalid(path, text, messages.join(','))
}

function* commonErrors(servers: readonly Server[], stated: string | undefined): Generator<FieldError> {
  const path = 'status.commonEncodingVersion'
  const [first] = servers
  const common = first !== undefined && servers.every((one) => one.encodingVersion === first.encodingVersion) ? first.encodingVersion ?? '' : undefined
  if (common === undefined && stated !== undefined) {
    yield fieldInvalid(path, stated, 'should be nil if servers do not agree on the same encoding version, or if there is no server reporting the supported versions yet')
  } else if (common !== undefined && stated === undefined) yield fieldInvalid(path, null, `the common encoding version is ${common}`)
  else if (common !== stated) yield fieldInvalid(path, stated, `the actual common encoding version is ${common}`)
}

function* conditionErrors(conditions: NonNullable<Status['conditions']>): Generator<FieldError> {
  for (const [i, { type, status, reason, message }] of conditions.entries()) {
    const path = indexPath('status', i)
    const first = conditions.findIndex((other) => other.type === type)
    if (first < i) yield fieldInvalid(`${path}.type`, type, `the type of the condition is not unique, it also appears in conditions[${first}]`)
    yield* qualifiedName(`${path}.type`, type ?? '')
    yield* qualifiedName(`${path}.status`, status ?? '')
    if (!reason) yield fieldRequired(`${path}.reason`)
    if (!message) yield fieldRequired(`${path}.message`)
  }
}
