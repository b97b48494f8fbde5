/** All objects that a server shows, made from the corpus, and whether another server shows the same. */
import { parseApiVersion } from '../../src/api/meta/object.ts'
import { discovery } from '../../src/api/generated/discovery.ts'
import { request } from '../differential/client.ts'
import type { Case } from '../differential/corpus.ts'
import { type Server, token } from '../differential/servers.ts'

type Fields = Record<string, unknown>
export type ApiObject = Fields & { metadata: { name: string; namespace?: string; uid: string; resourceVersion?: string } }

const namespace = 'differential'

interface Resource { readonly name: string; readonly namespaced: boolean; readonly kind: string; readonly verbs: readonly string[] }

/** What the server answers with 200; one that is busy is asked again. */
async function read(server: Server, path: string): Promise<Fields> {
  for (let again = 0; ; again++) {
    const { code, body } = await request(server.url, token, 'GET', path)
    if (code === 200) return body as Fields
    if (again === 20) throw new Error(`${server.name}: GET ${path}: ${code} ${JSON.stringify(body)}`)
    await new Promise((done) => { setTimeout(done, 500) })
  }
}

/** Every list of the server, by its path. */
async function allResources(server: Server): Promise<Map<string, Resource>> {
  const get = (path: string) => read(server, path)
  // kube-apiserver lists the group of a kind whose names were not accepted, and has no such path.
  const resourcesOf = async (path: string): Promise<Resource[]> => {
    const { code } = await request(server.url, token, 'GET', path)
    return code === 404 ? [] : (await get(path))['resources'] as Resource[]
  }
  const groups = ((await get('/apis'))['groups'] as { versions: { groupVersion: string }[] }[]).flatMap(({ versions }) => versions.map(({ groupVersion }) => `/apis/${groupVersion}`))
  const out = new Map<string, Resource>()
  for (const path of ['/api/v1', ...groups]) {
    for (const resource of await resourcesOf(path)) {
      if (resource.verbs.includes('list') && resource.verbs.includes('get') && resource.name !== 'componentstatuses') out.set(`${path}/${resource.name}`, resource)
    }
  }
  return out
}

/** Every object that the server shows, in every version. */
export async function allObjects(server: Server): Promise<Map<string, ApiObject>> {
  const out = new Map<string, ApiObject>()
  for (const path of (await allResources(server)).keys()) {
    const body = await read(server, path)
    // Items of a list name their kind in our answers, and need not.
    for (const { apiVersion: _, kind: __, ...object } of body['items'] as ApiObject[]) out.set(`${path} ${object.metadata.namespace ?? ''}/${object.metadata.name}`, object)
  }
  return out
}

function pathOf(object: Fields): string {
  const { group, version } = parseApiVersion(String(object['apiVersion']))
  const found = discovery.find((g) => g.group === group)?.versions.find((v) => v.version === version)?.resources.find((r) => r.kind === object['kind'])
  const prefix = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  if (found === undefined) return `${prefix}/${String(object['kind']).toLowerCase()}s`
  return `${prefix}${found.namespaced ? `/namespaces/${namespace}` : ''}/${found.resource}`
}

/** Creates what the corpus asks for; answers how many objects the server took. */
export async function fill(server: Server, corpus: readonly Case[]): Promise<number> {
  let made = 0
  const create = async (object: Fields) => {
    const { code } = await request(server.url, token, 'POST', pathOf(object), object)
    if (code === 201) made++
  }
  await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  await create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } })
  for (const { object, setup = [] } of corpus) {
    for (const first of setup) {
      await create(first)
      if (first['kind'] === 'CustomResourceDefinition') await new Promise((done) => { setTimeout(done, 300) })
    }
    await create(object)
  }
  return made
}

/**
 * What the second server is to show as the first did; what a server itself keeps up to date is left out. `moved`: through a
 * snapshot, after which another store counts revisions anew.
 */
export function compare(first: ReadonlyMap<string, ApiObject>, second: ReadonlyMap<string, ApiObject>, moved: boolean): string[] {
  const out: string[] = []
  const ownAffairs = /coordination\.k8s\.io|endpoints|EndpointSlice|apiservices|flowcontrol|rbac|internal\.apiserver|componentstatuses|namespaces \/(default|kube-)|priorityclasses|servicecidrs|ipaddresses|events|services default\/kubernetes| kube-system\//
  for (const [key, object] of first) {
    const other = second.get(key)
    if (ownAffairs.test(key)) continue
    if (other === undefined) {
      out.push(`${key} is missing`)
      continue
    }
    const [was, is] = [object, other].map((each) => JSON.stringify(sorted(moved ? withoutRevision(each) : each)))
    if (was !== is) out.push(`${key}\n  first  ${was}\n  second ${is}`)
  }
  return out
}

function withoutRevision({ metadata: { resourceVersion: _, ...metadata }, ...object }: ApiObject): Fields {
  return { ...object, metadata }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]))
}
