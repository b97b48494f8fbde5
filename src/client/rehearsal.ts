/** A client whose writes change nothing: what would be stored is asked of the server as a dry run, deletions are only noted. */
import type { KubeObject, Resource } from '../api/meta/object.ts'
import type { Client } from './client.ts'
import type { PlannedWrite } from './explain.ts'
import { patch, remove, type Step } from './steps.ts'

export interface Rehearsal {
  readonly client: Client
  readonly writes: PlannedWrite[]
  /** Where whoever rehearses puts events. */
  readonly events: string[]
}

export function rehearsal(client: Client, describe: (step: Step) => readonly PlannedWrite[]): Rehearsal {
  const writes: PlannedWrite[] = []
  const note = (step: unknown) => void writes.push(...describe(step as Step))
  return {
    writes, events: [],
    client: {
      ...(client.local === undefined ? {} : { local: client.local }),
      get: (resource, key, options) => client.get(resource, key, options),
      list: (resource, options) => client.list(resource, options),
      watch: (resource, options) => client.watch(resource, options),
      raw: (method, path, body, options) => {
        if (method !== 'GET') throw new Error(`${method} ${path} cannot be rehearsed`)
        return client.raw(method, path, body, options)
      },
      create(resource, object, options) {
        note({ do: 'create', resource, object })
        return client.create(resource, object, { ...options, dryRun: true })
      },
      createSubresource(resource, key, subresource, body, options) {
        writes.push({ do: 'create', object: `${resource.kind} ${key.namespace ?? ''}/${key.name}`, subresource, body })
        return client.createSubresource(resource, key, subresource, body, { ...options, dryRun: true })
      },
      update(resource, object, options) {
        note({ do: 'update', resource, object, ...(options?.subresource === undefined ? {} : { subresource: options.subresource }) })
        return client.update(resource, object, { ...options, dryRun: true })
      },
      patch(resource, key, type, change, options) {
        note(patch(resource, key, type, change, options?.subresource === undefined ? {} : { subresource: options.subresource }))
        return client.patch(resource, key, type, change, { ...options, dryRun: true })
      },
      async delete(resource, key, options) {
        const { signal: _, ...rest } = options ?? {}
        note(remove(resource as Resource<KubeObject>, key, rest))
        return {}
      },
      async deleteCollection(resource, selection, options) {
        const { signal: _, ...rest } = { ...selection, ...options }
        writes.push({ do: 'delete', object: `all ${resource.kind}`, body: rest })
        return {}
      },
    },
  }
}
