/**
 * Builds the definition of a built-in kind from upstream's discovery facts (api/generated) and what is special about it.
 * A kind's file therefore says only what no data file says.
 */
import { discovery, type ServedResource } from '../../api/generated/discovery.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { Schema } from '../../api/schema/schema.ts'
import { schemaOf } from '../../api/schema/builtin.ts'
import type { ResourceDefinition, SubresourceDefinition, VersionConversion } from './define.ts'

type FromFacts = 'kind' | 'singular' | 'scope' | 'schema' | 'shortNames' | 'categories' | 'verbs' | 'versions'

export type Conversion = Omit<VersionConversion, 'schema'>

export interface BuiltinSpec<T extends KubeObject> extends Omit<ResourceDefinition<T>, FromFacts> {
  /** Conversions of served versions whose shape differs from the stored one; the others change apiVersion alone. */
  readonly conversions?: Readonly<Record<string, Conversion>>
}

/** Package part of the OpenAPI names whose types do not live in k8s.io/api/<first label>. */
const schemaPackages: Readonly<Record<string, string>> = {
  '': 'io.k8s.api.core',
  'apiextensions.k8s.io': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  'apiregistration.k8s.io': 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
  'internal.apiserver.k8s.io': 'io.k8s.api.apiserverinternal',
}

/** OpenAPI definition name of a built-in kind: ("apps", "v1", "Deployment") -> "io.k8s.api.apps.v1.Deployment". */
export function schemaName(group: string, version: string, kind: string): string {
  return `${schemaPackages[group] ?? `io.k8s.api.${group.split('.')[0]}`}.${version}.${kind}`
}

function served(group: string, version: string, resource: string): ServedResource {
  const found = discovery.find((g) => g.group === group)?.versions
    .find((v) => v.version === version)?.resources.find((r) => r.resource === resource)
  if (found === undefined) throw new Error(`upstream's discovery has no ${resource} in ${group}/${version}`)
  return found
}

function otherVersions(group: string, stored: string, resource: string): string[] {
  const versions = discovery.find((g) => g.group === group)?.versions ?? []
  return versions.filter((v) => v.version !== stored && v.resources.some((r) => r.resource === resource)).map((v) => v.version)
}

/** A conversion between versions of one shape. */
export function sameShape(group: string, stored: string, version: string): Conversion {
  const prefix = group === '' ? '' : `${group}/`
  return {
    toStored: (object) => ({ ...object, apiVersion: prefix + stored }),
    fromStored: (object) => ({ ...object, apiVersion: prefix + version }),
  }
}

function lazySchema<O extends object>(target: O, name: string): O & { readonly schema: Schema } {
  let schema: Schema | undefined
  return Object.defineProperty(target, 'schema', {
    enumerable: true, configurable: true, get: () => (schema ??= schemaOf(name)),
  }) as O & { readonly schema: Schema }
}

/** Writes `status` only; the usual status subresource. */
export function statusSubresource<T extends KubeObject>(extra: Omit<SubresourceDefinition<T>, 'writes'> = {}): SubresourceDefinition<T> {
  return { writes: ['status'], ...extra }
}

/** The definition of a built-in kind, with its type erased so that kinds fit in one list. */
export function builtin<T extends KubeObject>(spec: BuiltinSpec<T>): ResourceDefinition {
  const { conversions = {}, ...rest } = spec
  const facts = served(spec.group, spec.version, spec.resource)
  const versions: Record<string, VersionConversion> = {}
  for (const version of otherVersions(spec.group, spec.version, spec.resource)) {
    const conversion = conversions[version] ?? sameShape(spec.group, spec.version, version)
    versions[version] = lazySchema({ ...conversion }, schemaName(spec.group, version, facts.kind))
  }
  const definition = {
    ...rest,
    kind: facts.kind, singular: facts.singular, verbs: facts.verbs,
    scope: facts.namespaced ? 'Namespaced' as const : 'Cluster' as const,
    ...(facts.shortNames === undefined ? {} : { shortNames: facts.shortNames }),
    ...(facts.categories === undefined ? {} : { categories: facts.categories }),
    ...(Object.keys(versions).length === 0 ? {} : { versions }),
  }
  return lazySchema(definition, schemaName(spec.group, spec.version, facts.kind)) as unknown as ResourceDefinition
}
