/** What `kubectl apply --server-side -f` does, for tests and tools that have a client. */
import type { APIResourceList } from '../../api/generated/types/meta-v1.ts'
import { parseYaml } from '../../api/codec/yaml.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { type KubeObject, type Resource, parseApiVersion } from '../../api/meta/object.ts'
import type { Clock } from '../../base/env.ts'
import type { Client } from '../../client/client.ts'

export interface ApplyOptions {
  readonly clock: Clock
  /** Default "coxswain". */
  readonly fieldManager?: string
  /** For objects that name none. Default "default". */
  readonly namespace?: string
}

/** How long a kind may be unknown: its definition may have been applied a moment ago. */
const kindLimitMs = 15_000

/**
 * Applies every object of the text (YAML or JSON, several documents, Lists) in its order; what others own is taken over.
 * Answers the objects as the server has them. Throws StatusError for the first that is refused.
 */
export async function applyManifests(client: Client, text: string, options: ApplyOptions): Promise<KubeObject[]> {
  const out: KubeObject[] = []
  for (const object of readManifests(text)) {
    const resource = await resourceOf(client, object, options.clock)
    const namespace = resource.namespaced ? (object.metadata.namespace ?? options.namespace ?? 'default') : undefined
    const key = { name: object.metadata.name!, ...(namespace === undefined ? {} : { namespace }) }
    out.push(await client.patch<KubeObject>(resource, key, 'apply', object, { fieldManager: options.fieldManager ?? 'coxswain', force: true }))
  }
  return out
}

/** The objects of a text of manifests; Lists are opened. Throws when one has no kind or no name. */
export function readManifests(text: string): KubeObject[] {
  const documents = text.split(/^---(?:[ \t].*)?$/m).map((part) => parseYaml(part)).filter((value) => value !== null && value !== undefined)
  return documents.flatMap((value) => {
    const object = value as KubeObject & { items?: KubeObject[] }
    return object.kind === 'List' || (Array.isArray(object.items) && object.kind?.endsWith('List') === true) ? object.items! : [object]
  }).map((object) => {
    if (typeof object.kind !== 'string' || typeof object.apiVersion !== 'string') throw new Error(`a manifest has no apiVersion or kind: ${JSON.stringify(object).slice(0, 200)}`)
    if (typeof object.metadata?.name !== 'string') throw new Error(`a ${object.kind} in the manifests has no metadata.name`)
    return object
  })
}

async function resourceOf(client: Client, object: KubeObject, clock: Clock): Promise<Resource> {
  const { group, version } = parseApiVersion(object.apiVersion!)
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  for (const end = clock.monotonic() + kindLimitMs; ;) {
    const list = await client.raw('GET', path).catch((error: unknown) => {
      if (isStatus(error, 'NotFound')) return undefined
      throw error
    }) as APIResourceList | undefined
    const found = list?.resources.find(({ kind, name }) => kind === object.kind && !name.includes('/'))
    if (found !== undefined) return { group, version, resource: found.name, kind: found.kind, namespaced: found.namespaced }
    if (clock.monotonic() > end) throw new Error(`no matches for kind ${JSON.stringify(object.kind)} in version ${JSON.stringify(object.apiVersion)}`)
    await clock.sleep(100)
  }
}
