/** The objects of a request in the versions that webhooks want to see, and back. */
import { applyDefaults } from '../../../api/schema/default.ts'
import { gvkDefinition, schemaOf } from '../../../api/schema/builtin.ts'
import type { Schema } from '../../../api/schema/schema.ts'
import { internalError, StatusError } from '../../../api/meta/errors.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { goShape } from '../../../api/codec/go-shape.ts'
import { shape, toStored } from '../../handlers/decode.ts'
import type { ResourceRegistry, Served } from '../../registry/resource-registry.ts'
import type { Attributes } from '../contract.ts'
import type { Equivalents, Seen } from './invocation.ts'

/** The kinds behind a request's resource. */
export interface Versions {
  readonly equivalents: Equivalents
  /** The object as that version shows it. */
  show(object: KubeObject, seen: Seen): Promise<KubeObject>
  /** A changed object of that version, read and defaulted, as the engine works on it. Throws a StatusError. */
  read(object: KubeObject, seen: Seen): Promise<KubeObject>
  /** The schema of the kind that is seen; undefined for one that is not known. */
  schema(seen: Seen): Schema | undefined
}

/** Objects of the resource's own kind are in the stored version within the server; those of subresources' kinds are as sent. */
export function versionsOf(registry: ResourceRegistry): Versions {
  const ownKind = ({ resource, kind }: Seen): Served | undefined => {
    const served = registry.get(resource.group, resource.version, resource.resource)
    return served !== undefined && served.kind === kind.kind && served.group === kind.group ? served : undefined
  }
  const schemaOfKind = (seen: Seen): Schema | undefined => {
    const { group, version, kind } = seen.kind
    const name = gvkDefinition(group, version, kind)
    return ownKind(seen)?.schema ?? (name === undefined ? undefined : schemaOf(name))
  }
  return {
    schema: schemaOfKind,
    equivalents(resource, subresource) {
      const served = registry.get(resource.group, resource.version, resource.resource)
      if (served === undefined) return []
      return equivalentKinds(registry, served).filter((other) => other !== served).map((other) => ({
        resource: { group: other.group, version: other.version, resource: other.resource },
        kind: kindFor(other, subresource),
      }))
    },
    show: async (object, seen) => {
      const served = ownKind(seen)
      if (served === undefined) return object
      return goShape({ ...await served.settled(() => served.fromStored(object)), kind: served.kind, apiVersion: served.apiVersion })
    },
    async read(object, seen) {
      const served = ownKind(seen)
      const { group, version, kind } = seen.kind
      const schema = schemaOfKind(seen)
      if (schema === undefined) return object
      try {
        const decoded = shape(object, { group, version, kind, schema }).object
        return served === undefined ? applyDefaults(decoded, schema) : await served.settled(() => toStored(served, decoded))
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        throw internalError(error.message.replace(/^.*? cannot be handled as a [^:]*: /, ''))
      }
    },
  }
}

/** Served versions whose objects lie in the same place. */
function equivalentKinds(registry: ResourceRegistry, served: Served): Served[] {
  return registry.definitions()
    .filter((definition) => definition === served.definition || (served.store !== undefined && registry.store(definition.group, definition.resource) === served.store)
      || (definition.viewOf !== undefined && registry.store(definition.viewOf.group, definition.viewOf.resource) === served.store && served.store !== undefined))
    .flatMap((definition) => [definition.version, ...Object.keys(definition.versions ?? {})]
      .flatMap((version) => registry.get(definition.group, version, definition.resource) ?? []))
}

/** Scales have a kind of their own, whatever has them. */
function kindFor({ group, version, kind }: Served, subresource: string): Attributes['kind'] {
  return subresource === 'scale' ? { group: 'autoscaling', version: 'v1', kind: 'Scale' } : { group, version, kind }
}
