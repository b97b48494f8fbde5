/** Paths of OpenAPI documents that are of no kind: discovery, the version, and the issuer of tokens. */
import { type Operation, discoveryTypes } from './openapi-operations.ts'
import { pathItem } from './openapi-paths.ts'
import type { Definitions, Json } from './openapi-schemas.ts'

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'

function discovery(noun: string, answer: string): Operation {
  return { method: 'get', verb: 'get', noun, parameters: [], answer: `${meta}.${answer}`, codes: [200], consumes: discoveryTypes, produces: discoveryTypes }
}

/** A document's paths by its key below /openapi/v3. */
type Root = readonly [path: string, operation: Operation]

const plain = (noun: string, produces: string): Operation => ({ method: 'get', verb: 'get', noun, parameters: [], answer: 'text', codes: [200], produces: [produces] })

const fixed: Readonly<Record<string, Root>> = {
  api: ['/api/', discovery('APIVersions', 'APIVersions')],
  apis: ['/apis/', discovery('APIVersions', 'APIGroupList')],
  version: ['/version/', {
    ...discovery('CodeVersion', ''), answer: 'io.k8s.apimachinery.pkg.version.Info', consumes: ['application/json'], produces: ['application/json'],
  }],
}
const issuer: Readonly<Record<string, Root>> = {
  '.well-known/openid-configuration': ['/.well-known/openid-configuration/', plain('ServiceAccountIssuerOpenIDConfiguration', 'application/json')],
  'openid/v1/jwks': ['/openid/v1/jwks/', plain('ServiceAccountIssuerOpenIDKeyset', 'application/jwk-set+json')],
}

/** What is there besides the group versions: `groups` are those with a path of their own. */
export function rootsOf(groups: readonly string[], issues: boolean): Readonly<Record<string, Root>> {
  return {
    ...fixed, ...(issues ? issuer : {}),
    ...Object.fromEntries(groups.map((group) => [`apis/${group}`, [`/apis/${group}/`, discovery('APIGroup', 'APIGroup')] as const])),
  }
}

export const rootItem = ([path, operation]: Root, definitions: Definitions): Json => pathItem(path, [operation], definitions)

/** The list of a group version's resources. */
export const resourceListItem = (path: string, definitions: Definitions): Json => pathItem(path, [discovery('APIResources', 'APIResourceList')], definitions)
