/**
 * Whether both servers publish the same API: `node conformance/differential/documents.ts`. Discovery in its old and its
 * aggregated form, OpenAPI v2 and every document of OpenAPI v3 are read from upstream's kube-apiserver and from ours,
 * with the gates as they are by default and with every version served, and compared without their descriptions.
 */
import { jsonEqual } from '../../src/api/meta/json-equal.ts'
import { request } from './client.ts'
import { helpOf } from './judge.ts'
import { startServers, token } from './servers.ts'

helpOf(`node conformance/differential/documents.ts [--verbose]
reads discovery and OpenAPI from upstream's kube-apiserver and from ours and prints where they differ apart from descriptions.`)

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const limit = process.argv.includes('--verbose') ? Infinity : 20

/** What each server makes itself, and the descriptions. */
/** Lists that upstream makes by walking maps, which have no order; checks of health are each server's own. */
function ordered(path: string, body: unknown): unknown {
  const { resources, paths, ...rest } = body as { resources?: { name: string }[]; paths?: unknown }
  if (path === '/' && Array.isArray(paths)) return Object.fromEntries((paths as string[]).filter((one) => !/^\/(healthz|livez|readyz)\//.test(one)).map((one) => [one, true]))
  if (path.includes('example.com') && resources !== undefined) return { ...rest, resources: Object.fromEntries(resources.map((one) => [one.name, one])) }
  return body
}

const left = new Set(['description', 'serverAddress', 'clientCIDR', 'hash', 'serverRelativeURL'])

function stripped(value: unknown, inProperties = false): unknown {
  if (Array.isArray(value)) return value.map((item) => stripped(item))
  if (typeof value !== 'object' || value === null) return value
  // A property may be called as what is left out is.
  const kept = Object.entries(value).filter(([key, item]) => inProperties || !left.has(key) || typeof item === 'object')
  return Object.fromEntries(kept.map(([key, item]) => [key, stripped(item, key === 'properties' && !inProperties)]))
}

/** Shared parameters stand where they are referred to: their names are hashes of their descriptions. */
function settled(body: unknown): unknown {
  const { parameters, ...rest } = body as { parameters?: Record<string, unknown> }
  const inline = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(inline)
    const { $ref } = value as { $ref?: unknown }
    if (typeof $ref === 'string' && $ref.startsWith('#/parameters/')) return { ...parameters?.[$ref.slice('#/parameters/'.length)] as object, shared: true }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inline(item)]))
  }
  return parameters === undefined ? body : inline(rest)
}

/** What differs and is to stay so. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/metrics\.k8s\.io|io\.k8s\.metrics/, 'This server has the resource metrics API itself; upstream has it from an add-on.'],
]

/** Paths at which two values differ. */
function* differences(ours: unknown, theirs: unknown, path: string): Generator<string> {
  if (jsonEqual(ours, theirs)) return
  const plain = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
  if (!plain(ours) || !plain(theirs) || Array.isArray(ours) !== Array.isArray(theirs)) {
    yield `  ${path}: theirs ${short(theirs)}, ours ${short(ours)}`
    return
  }
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)])) yield* differences(ours[key], theirs[key], `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`)
}

const short = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 160))

interface Group { versions: { groupVersion: string }[] }

const { ours, theirs, stop } = await startServers()
let compared = 0
let different = 0
const excused = new Map<string, number>()
const missing = new Set<string>()
const counts = { described: 0, total: 0 }

async function compare(path: string, accept = 'application/json'): Promise<unknown> {
  const [mine, upstreams] = await Promise.all([ours, theirs].map(({ url }) => request(url, token, 'GET', path, undefined, undefined, { accept })))
  compared++
  const all = [...differences(stripped(settled(ordered(path, mine!.body))), stripped(settled(ordered(path, upstreams!.body))), '')]
  const lines = all.filter((line) => {
    const reason = reasons.find(([pattern]) => pattern.test(line))?.[1]
    if (reason !== undefined) excused.set(reason, (excused.get(reason) ?? 0) + 1)
    return reason === undefined
  })
  if (mine!.code !== upstreams!.code) lines.unshift(`  theirs ${upstreams!.code}, ours ${mine!.code}`)
  if (lines.length > 0) {
    different++
    console.log(`${path}: ${lines.length} differences\n${lines.slice(0, limit).join('\n')}`)
  }
  if (path.startsWith('/openapi/v')) countDescriptions(typesOf(mine!.body), typesOf(upstreams!.body), '')
  return upstreams!.body
}

interface Document { definitions?: unknown; components?: { schemas?: unknown } }
const typesOf = (body: unknown): unknown => (body as Document).definitions ?? (body as Document).components?.schemas

/** How much of what upstream describes of types and fields is described by ours too; `kubectl explain` shows it. */
function countDescriptions(mine: unknown, upstreams: unknown, path: string): void {
  if (typeof upstreams !== 'object' || upstreams === null) return
  for (const [key, value] of Object.entries(upstreams)) {
    const own = (mine as Record<string, unknown> | undefined)?.[key]
    if (key === 'description' && typeof value === 'string') {
      counts.total++
      if (typeof own === 'string' && own !== '') counts.described++
      else missing.add(path)
    } else countDescriptions(own, value, `${path}/${key}`)
  }
}

/** A custom kind with most of what can be said of one, and one that says nothing. */
const customs = [
  {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'widgets.docs.example.com' },
    spec: {
      group: 'docs.example.com', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] },
      versions: [{
        name: 'v1', served: true, storage: true, subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
        selectableFields: [{ jsonPath: '.spec.color' }],
        schema: {
          openAPIV3Schema: {
            type: 'object', description: 'A widget.', required: ['spec'],
            properties: {
              spec: {
                type: 'object', description: 'What it is to be.',
                properties: {
                  replicas: { type: 'integer', format: 'int32', minimum: 0, default: 1 }, color: { type: 'string', enum: ['red', 'blue'], pattern: '^[a-z]+$', nullable: true },
                  port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
                  any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, labels: { type: 'object', additionalProperties: { type: 'string' } },
                  parts: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } },
                  pod: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
                  one: { type: 'object', properties: { a: { type: 'string' } }, oneOf: [{ required: ['a'] }], not: { required: ['b'] } },
                },
                'x-kubernetes-validations': [{ rule: 'self.replicas < 10', message: 'too many' }],
              },
              status: { type: 'object', properties: { replicas: { type: 'integer' } } },
            },
          },
        },
      }, { name: 'v1alpha1', served: true, storage: false, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
    },
  },
  {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'plains.docs.example.com' },
    spec: { group: 'docs.example.com', scope: 'Cluster', names: { plural: 'plains', kind: 'Plain' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] },
  },
]

/** Makes the custom kinds and waits until every document tells of them. */
async function define(url: string): Promise<void> {
  for (const object of customs) await request(url, token, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', object)
  for (let i = 0; i < 300; i++) {
    const texts = await Promise.all([['/openapi/v2'], ['/openapi/v3'], ['/apis/docs.example.com/v1'], ['/apis', aggregated]].map(async ([path, accept = 'application/json']) =>
      JSON.stringify((await request(url, token, 'GET', path!, undefined, undefined, { accept })).body)))
    if (texts[0]!.includes('/plains') && texts[0]!.includes('docs.example.com/v1alpha1/') && texts[1]!.includes('docs.example.com/v1alpha1') && texts[2]!.includes('plains') && texts[2]!.includes('widgets')
      && texts[3]!.includes('plains') && texts[3]!.includes('widgets')) return
    await new Promise((done) => { setTimeout(done, 100) })
  }
  throw new Error(`${url} does not publish custom kinds`)
}

try {
  await Promise.all([ours, theirs].map(({ url }) => define(url)))
  for (const path of ['/api', '/version', '/']) await compare(path)
  for (const path of ['/api', '/apis']) await compare(path, aggregated)
  const groups = (await compare('/apis') as { groups: (Group & { name: string })[] }).groups
  await compare('/api/v1')
  for (const { name, versions } of groups) {
    await compare(`/apis/${name}`)
    for (const { groupVersion } of versions) await compare(`/apis/${groupVersion}`)
  }
  await compare('/openapi/v2')
  const { paths } = await compare('/openapi/v3') as { paths: Record<string, unknown> }
  for (const path of Object.keys(paths)) await compare(`/openapi/v3/${path}`)
  for (const [reason, count] of excused) console.log(`known: ${count}: ${reason}`)
  console.log(`${counts.described} of ${counts.total} descriptions of types and fields are there`)
  if (limit === Infinity) for (const path of missing) console.log(`  no description: ${path}`)
  console.log(`${compared} documents compared, ${different} different`)
  if (different > 0) process.exitCode = 1
} finally {
  stop()
}
