/** AuthorizationConfiguration: who is asked whether somebody may, in which order (upstream: apis/apiserver/validation, kubeapiserver/authorizer). */
import type { FieldError } from '../../../api/meta/errors.ts'
import { aggregateText, childPath, fieldDuplicate, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { isDNS1123Subdomain } from '../../../api/meta/names.ts'
import { parseDuration } from '../../../api/meta/time.ts'
import type { BuiltinMode } from '../../options.ts'
import { type Matcher, compileMatcher } from './conditions.ts'
import { decodeConfiguration } from './kinds.ts'

interface WebhookPart {
  readonly authorizedTTL?: string
  readonly cacheAuthorizedRequests?: boolean
  readonly unauthorizedTTL?: string
  readonly cacheUnauthorizedRequests?: boolean
  readonly timeout?: string
  readonly subjectAccessReviewVersion?: string
  readonly matchConditionSubjectAccessReviewVersion?: string
  readonly failurePolicy?: string
  readonly connectionInfo?: { readonly type?: string; readonly kubeConfigFile?: string }
  readonly matchConditions?: readonly { readonly expression?: string }[]
}

/** A webhook to ask. */
export interface ConfiguredWebhook {
  readonly name: string
  readonly kubeConfigFile: string
  readonly version: 'v1' | 'v1beta1'
  readonly timeoutMs: number
  readonly authorizedMs: number
  readonly unauthorizedMs: number
  readonly onError: 'deny' | 'none'
  readonly matches?: Matcher
}

/** What an authorizer of the file is: one of the server's own, the policies of ABAC, or a webhook. */
export type ConfiguredAuthorizer = BuiltinMode | 'ABAC' | ConfiguredWebhook

const types = ['ABAC', 'AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook']

/** Why a file cannot be used as a kubeconfig; undefined when it can. */
export type FileCheck = (path: string) => string | undefined

/** Throws an Error with all that is wrong. `required`: types that were there at the start and must stay. */
export function parseAuthorization(yaml: string, checkFile: FileCheck, required: readonly string[] = []): ConfiguredAuthorizer[] {
  let authorizers: readonly { type?: string; name?: string; webhook?: WebhookPart }[]
  try {
    ({ authorizers = [] } = decodeConfiguration('AuthorizationConfiguration', yaml) as { authorizers?: typeof authorizers })
  } catch (error) {
    throw new Error(`failed to load AuthorizationConfiguration from file: ${(error as Error).message}`, { cause: error })
  }
  const errors: FieldError[] = []
  if (authorizers.length === 0) errors.push(fieldRequired('authorizers', 'at least one authorization mode must be defined'))
  const seen = { types: new Set<string>(), names: new Set<string>() }
  const parsed = authorizers.flatMap(({ type = '', name = '', webhook }, i): ConfiguredAuthorizer[] => {
    const path = indexPath('authorizers', i)
    const wrong = type === '' ? fieldRequired(`${path}.type`) : !types.includes(type) ? fieldNotSupported(`${path}.type`, type, types)
      : seen.types.has(type) && type !== 'Webhook' ? fieldDuplicate(`${path}.type`, type) : undefined
    if (wrong !== undefined) {
      errors.push(wrong)
      return []
    }
    seen.types.add(type)
    errors.push(...nameErrors(name, seen.names, `${path}.name`))
    seen.names.add(name)
    if (type !== 'Webhook') {
      if (webhook !== undefined) errors.push(fieldInvalid(`${path}.webhook`, 'non-null', 'may only be specified when type=Webhook'))
      return [type as BuiltinMode | 'ABAC']
    }
    if (webhook !== undefined) return [webhookOf(name, webhook, path, errors, checkFile)]
    errors.push(fieldRequired(`${path}.webhook`, 'required when type=Webhook'))
    return []
  })
  if (errors.length > 0) throw new Error(aggregateText(errors))
  const others = authorizers.filter(({ type }) => type !== 'Webhook')
  const misnamed = others.filter(({ type, name }) => name !== type!.toLowerCase()).map(({ type, name }) => `expected name ${type!.toLowerCase()} for authorizer ${type} instead of ${name}`)
  const missing = required.filter((type) => !others.some((other) => other.type === type)).toSorted()
  if (missing.length > 0) misnamed.push(`missing required types: [${missing.join(' ')}]`)
  if (misnamed.length > 0) throw new Error(misnamed.length === 1 ? misnamed[0] : `[${misnamed.join(', ')}]`)
  return parsed
}

function nameErrors(name: string, seen: ReadonlySet<string>, path: string): FieldError[] {
  if (name === '') return [fieldRequired(path)]
  if (seen.has(name)) return [fieldDuplicate(path, name)]
  const wrong = isDNS1123Subdomain(name)
  return wrong.length === 0 ? [] : [fieldInvalid(path, name, `authorizer name is invalid: ${wrong.join(', ')}`)]
}

const longestTimeoutMs = 30_000

function webhookOf(name: string, webhook: WebhookPart, path: string, errors: FieldError[], checkFile: FileCheck): ConfiguredWebhook {
  const add = (error: FieldError | undefined) => void (error === undefined || errors.push(error))
  const duration = (text: string | undefined, field: string, otherwise: number, limit: number, detail: string): number => {
    const ms = text === undefined ? otherwise : parseDuration(text) ?? 0
    const value = ms === 0 ? otherwise : ms
    if (value === 0) add(fieldRequired(childPath(path, field)))
    else if (value < 0 || value > limit) add(fieldInvalid(childPath(path, field), text, detail))
    return value
  }
  const timeoutMs = duration(webhook.timeout, 'timeout', 0, longestTimeoutMs, 'must be > 0s and <= 30s')
  const authorizedMs = duration(webhook.authorizedTTL, 'authorizedTTL', 300_000, Infinity, 'must be > 0s')
  const unauthorizedMs = duration(webhook.unauthorizedTTL, 'unauthorizedTTL', 30_000, Infinity, 'must be > 0s')
  const { subjectAccessReviewVersion: version = '', matchConditionSubjectAccessReviewVersion: matchVersion = '', failurePolicy = '', matchConditions = [] } = webhook
  add(oneOf(version, ['v1', 'v1beta1'], `${path}.subjectAccessReviewVersion`))
  if (matchVersion !== '') add(oneOf(matchVersion, ['v1'], `${path}.matchConditionSubjectAccessReviewVersion`))
  else if (matchConditions.length > 0) add(fieldRequired(`${path}.matchConditionSubjectAccessReviewVersion`, 'required if match conditions are specified'))
  add(oneOf(failurePolicy, ['NoOpinion', 'Deny'], `${path}.failurePolicy`))
  const { type = '', kubeConfigFile } = webhook.connectionInfo ?? {}
  add(connectionError(type, kubeConfigFile, `${path}.connectionInfo`, checkFile))
  const matches = compileMatcher(matchConditions, path, errors)
  return {
    name, kubeConfigFile: kubeConfigFile ?? '', version: version as 'v1', timeoutMs, onError: failurePolicy === 'Deny' ? 'deny' : 'none',
    authorizedMs: webhook.cacheAuthorizedRequests === false ? 0 : authorizedMs, unauthorizedMs: webhook.cacheUnauthorizedRequests === false ? 0 : unauthorizedMs,
    ...(matches === undefined ? {} : { matches }),
  }
}

function oneOf(value: string, supported: readonly string[], path: string): FieldError | undefined {
  if (value === '') return fieldRequired(path)
  return supported.includes(value) ? undefined : fieldNotSupported(path, value, supported)
}

function connectionError(type: string, file: string | undefined, path: string, checkFile: FileCheck): FieldError | undefined {
  const at = `${path}.kubeConfigFile`
  if (type === '') return fieldRequired(`${path}.type`)
  if (type === 'InClusterConfig') return file === undefined ? undefined : fieldInvalid(at, file, 'can only be set when type=KubeConfigFile')
  if (type !== 'KubeConfigFile') return fieldNotSupported(`${path}.type`, { Type: type, KubeConfigFile: file ?? null }, ['InClusterConfig', 'KubeConfigFile'])
  if (file === undefined || file === '') return fieldRequired(at)
  if (!file.startsWith('/')) return fieldInvalid(at, file, 'must be an absolute path')
  const wrong = checkFile(file)
  return wrong === undefined ? undefined : fieldInvalid(at, file, wrong)
}
