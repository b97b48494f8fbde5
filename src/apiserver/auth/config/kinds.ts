/** The files that configure who and whether (upstream: apiserver/pkg/apis/apiserver/v1/types.go), read strictly. */
import { decodeYaml } from '../../../api/codec/yaml.ts'
import { goQuote } from '../../../api/meta/go-text.ts'
import { decodeValue } from '../../../api/schema/decode.ts'
import { durationName, strictDecodingText, unknownFieldTexts } from '../../../api/schema/go-decode.ts'
import type { Schema } from '../../../api/schema/schema.ts'

const text: Schema = { type: 'string' }
const flag: Schema = { type: 'boolean' }
const duration: Schema = { type: 'string', name: durationName }
const list = (items: Schema): Schema => ({ type: 'array', items })
const struct = (name: string, properties: Readonly<Record<string, Schema>>): Schema => ({ type: 'object', name: `v1.${name}`, properties })

const claimOrExpression = { claim: text, expression: text }
const prefixed = struct('PrefixedClaimOrExpression', { ...claimOrExpression, prefix: text })
const condition = { expression: text, message: text }

const authentication = struct('AuthenticationConfiguration', {
  apiVersion: text, kind: text,
  jwt: list(struct('JWTAuthenticator', {
    issuer: struct('Issuer', { url: text, discoveryURL: text, certificateAuthority: text, audiences: list(text), audienceMatchPolicy: text, egressSelectorType: text }),
    claimValidationRules: list(struct('ClaimValidationRule', { claim: text, requiredValue: text, ...condition })),
    claimMappings: struct('ClaimMappings', {
      username: prefixed, groups: prefixed, uid: struct('ClaimOrExpression', claimOrExpression), extra: list(struct('ExtraMapping', { key: text, valueExpression: text })),
    }),
    userValidationRules: list(struct('UserValidationRule', condition)),
  })),
  anonymous: struct('AnonymousAuthConfig', { enabled: flag, conditions: list(struct('AnonymousAuthCondition', { path: text })) }),
})

const authorization = struct('AuthorizationConfiguration', {
  apiVersion: text, kind: text,
  authorizers: list(struct('AuthorizerConfiguration', {
    type: text, name: text,
    webhook: struct('WebhookConfiguration', {
      authorizedTTL: duration, cacheAuthorizedRequests: flag, unauthorizedTTL: duration, cacheUnauthorizedRequests: flag, timeout: duration,
      subjectAccessReviewVersion: text, matchConditionSubjectAccessReviewVersion: text, failurePolicy: text,
      connectionInfo: struct('WebhookConnectionInfo', { type: text, kubeConfigFile: text }), matchConditions: list(struct('WebhookMatchCondition', { expression: text })),
    }),
  })),
})

const kinds = { AuthenticationConfiguration: authentication, AuthorizationConfiguration: authorization } as const
const versions = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`)

/** The value of a file of the kind. Throws an Error in the words of upstream's decoder for one that is none, or says more than the kind can. */
export function decodeConfiguration(kind: keyof typeof kinds, yaml: string): unknown {
  const value = decodeYaml(yaml).value as { apiVersion?: unknown; kind?: unknown } | null | undefined
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error("couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of type struct")
  const [givenKind, version] = [value.kind ?? '', value.apiVersion ?? ''].map(String) as [string, string]
  if (givenKind === '') throw new Error(`Object 'Kind' is missing in '${yaml}'`)
  if (!versions.includes(version) || !Object.hasOwn(kinds, givenKind)) throw new Error(`no kind ${goQuote(givenKind)} is registered for version ${goQuote(version)} in scheme "pkg/runtime/scheme.go:111"`)
  if (givenKind !== kind) throw new Error(`expected ${kind}, got *apiserver.${givenKind}`)
  const { value: decoded, unknownFields, error } = decodeValue(sorted(value), kinds[kind])
  if (error !== undefined) throw new Error(error)
  if (unknownFields.length > 0) throw new Error(strictDecodingText(unknownFieldTexts(unknownFields)))
  return decoded
}

/** Upstream reads YAML by way of JSON with sorted names: that is the order in which it tells what is wrong. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, part]) => [name, sorted(part)]))
}
