/** Config maps and secrets: keys, size, what a secret's type asks for, and immutability. */
import type { ConfigMap, Secret } from '../../../api/generated/types/core-v1.ts'
import { scanJson } from '../../../api/codec/json-scan.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldRequired, fieldTooLong, keyPath } from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { isConfigMapKey } from '../../../api/meta/names.ts'
import { immutable, invalidAll, semanticEqual } from '../validation/common.ts'

const maxSize = 1024 * 1024

const decodedSize = (base64: string): number => Buffer.byteLength(base64, 'base64')

export function* validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): Generator<FieldError> {
  let total = 0
  for (const [key, value] of Object.entries(data)) {
    yield* invalidAll(keyPath('data', key), key, isConfigMapKey(key))
    if (binaryData[key] !== undefined) yield fieldInvalid(keyPath('data', key), key, 'duplicate of key present in binaryData')
    total += byteLength(value)
  }
  for (const [key, value] of Object.entries(binaryData)) {
    yield* invalidAll(keyPath('binaryData', key), key, isConfigMapKey(key))
    total += decodedSize(value)
  }
  if (total > maxSize) yield fieldTooLong('', maxSize)
}

type Frozen = { immutable?: boolean } & Partial<Record<'data' | 'binaryData', Record<string, string>>>

/** What was made immutable stays so, content and all. */
function* frozen(now: Frozen, old: Frozen, ...members: readonly ('data' | 'binaryData')[]): Generator<FieldError> {
  if (old.immutable !== true) return
  const refused = 'field is immutable when `immutable` is set'
  if (now.immutable !== true) yield fieldForbidden('immutable', refused)
  for (const name of members) if (!semanticEqual(now[name] ?? {}, old[name] ?? {})) yield fieldForbidden(name, refused)
}

export function* validateConfigMapUpdate(map: ConfigMap, old: ConfigMap): Generator<FieldError> {
  yield* frozen(map, old, 'data', 'binaryData')
  yield* validateConfigMap(map)
}

/** Docker's configuration must be a JSON object; its content is never shown. */
function* dockerConfig(secret: Secret, key: string): Generator<FieldError> {
  const value = secret.data?.[key]
  const path = keyPath('data', key)
  if (value === undefined) {
    yield fieldRequired(path)
    return
  }
  const text = Buffer.from(value, 'base64').toString('utf8')
  const refuse = (why: string): FieldError => fieldInvalid(path, '<secret contents redacted>', why)
  try {
    scanJson(text)
  } catch (error) {
    yield refuse(error instanceof Error ? error.message : String(error))
    return
  }
  const parsed: unknown = JSON.parse(text)
  if (parsed === null || (typeof parsed === 'object' && !Array.isArray(parsed))) return
  const what = Array.isArray(parsed) ? 'array' : typeof parsed === 'boolean' ? 'bool' : typeof parsed
  yield refuse(`json: cannot unmarshal ${what} into Go value of type map[string]interface {}`)
}

function* byType(secret: Secret): Generator<FieldError> {
  const data = secret.data ?? {}
  const missing = (...keys: readonly string[]): FieldError[] =>
    keys.filter((key) => data[key] === undefined).map((key) => fieldRequired(keyPath('data', key)))
  switch (secret.type) {
    case 'kubernetes.io/service-account-token': {
      const name = 'kubernetes.io/service-account.name'
      if (!secret.metadata.annotations?.[name]) yield fieldRequired(keyPath('metadata.annotations', name))
      return
    }
    case 'kubernetes.io/dockercfg': yield* dockerConfig(secret, '.dockercfg'); return
    case 'kubernetes.io/dockerconfigjson': yield* dockerConfig(secret, '.dockerconfigjson'); return
    case 'kubernetes.io/basic-auth': {
      const absent = missing('username', 'password')
      if (absent.length === 2) yield* absent
      return
    }
    case 'kubernetes.io/ssh-auth':
      if (!data['ssh-privatekey']) yield fieldRequired(keyPath('data', 'ssh-privatekey'))
      return
    case 'kubernetes.io/tls': yield* missing('tls.crt', 'tls.key'); return
    default:
  }
}

export function* validateSecret(secret: Secret): Generator<FieldError> {
  let total = 0
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    yield* invalidAll(keyPath('data', key), key, isConfigMapKey(key))
    total += decodedSize(value)
  }
  if (total > maxSize) yield fieldTooLong('data', maxSize)
  yield* byType(secret)
}

export function* validateSecretUpdate(secret: Secret, old: Secret): Generator<FieldError> {
  yield* immutable('type', secret.type ?? '', old.type ?? '')
  yield* frozen(secret, old, 'data')
  yield* validateSecret(secret)
}
