/**
 * Sends requests.ts for every kind that has an object in the corpus to upstream's kube-apiserver and to ours, in order, and
 * compares status, body, warnings and headers: `node conformance/differential/matrix.ts [part of a kind] [--verbose]`.
 * What differs and is known to is in known.yaml, each with its reason; anything else fails the run.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { discovery } from '../../src/api/generated/discovery.ts'
import { type Answer, request } from './client.ts'
import { loadCorpus } from './corpus.ts'
import { Judge, helpOf } from './judge.ts'
import { type Ask, changes, creations, deletions, first, reads, subresource } from './requests.ts'
import { startServers, token } from './servers.ts'

type Fields = Record<string, unknown>
interface Kind { readonly id: string; readonly collection: string; readonly name: string; readonly asks: readonly Ask[] }

const namespace = 'differential'
const samples = new Map(loadCorpus(join(import.meta.dirname, 'corpus'), undefined).map(({ object }) => [`${String(object['apiVersion'])} ${String(object['kind'])}`, object] as const).reverse())

/** Kinds whose versions have no object of their own take another version's. */
function sampleOf(group: string, version: string, kind: string): Fields | undefined {
  const prefix = group === '' ? '' : `${group}/`
  const own = samples.get(`${prefix}${version} ${kind}`)
  if (own !== undefined) return own
  const other = [...samples].find(([id]) => id.startsWith(prefix) && id.endsWith(` ${kind}`) && id.split(' ')[0]!.split('/').length === prefix.split('/').length)
  return other === undefined ? undefined : { ...other[1], apiVersion: `${prefix}${version}` }
}

function kinds(): Kind[] {
  return discovery.flatMap(({ group, versions }) => versions.flatMap(({ version, resources }) => resources.flatMap((resource): Kind[] => {
    const sample = sampleOf(group, version, resource.kind)
    if (sample === undefined || !resource.verbs.includes('get') || !resource.verbs.includes('create')) return []
    const metadata = sample['metadata'] as Fields
    // A namespace that is deleted goes later.
    const object = { ...sample, metadata: { ...metadata, name: metadata['name'] ?? 'sample' } }
    const collection = `${group === '' ? '/api' : `/apis/${group}`}/${version}${resource.namespaced ? `/namespaces/${namespace}` : ''}/${resource.resource}`
    const subresources = (resource.subresources ?? []).filter((one) => one.verbs.includes('patch') && one.subresource !== 'proxy').map((one) => one.subresource)
    return [{
      id: `${group === '' ? '' : `${group}/`}${version} ${resource.resource}`, collection, name: object.metadata['name'] as string,
      asks: [...creations(object), ...first(object), ...reads, ...changes(object), ...subresources.flatMap((name) => subresource(name, object)), ...deletions],
    }]
  })))
}

/** One server's side of the conversation: what the object is there now goes into what is asked. */
class Side {
  readonly #url: string
  #stored: { resourceVersion?: string; uid?: string } = {}
  constructor(url: string) {
    this.#url = url
  }

  async ask(kind: Kind, ask: Ask): Promise<Answer> {
    const fill = (text: string): string => text.replaceAll('$name', kind.name).replaceAll('$rv', this.#stored.resourceVersion ?? '1').replaceAll('$uid', this.#stored.uid ?? 'u')
    const body = ask.body === undefined ? undefined : fill(typeof ask.body === 'string' ? ask.body : JSON.stringify(ask.body))
    const send = (): Promise<Answer> => request(this.#url, token, ask.method, fill(kind.collection + ask.path), body, ask.contentType, ask.headers)
    const answers = await Promise.all(Array.from({ length: ask.times ?? 1 }, send))
    // Controllers of the server itself come to what is new in their own time.
    if (ask.name === 'first') await sleep(100)
    if (ask.method !== 'GET' && !ask.path.includes('dryRun=All') && !ask.path.includes('nothing')) await this.#look(kind)
    return answers.length === 1 ? answers[0]! : { code: 0, warnings: [], headers: {}, body: answers.map(({ code }) => code).sort((a, b) => a - b) }
  }

  async #look(kind: Kind): Promise<void> {
    const { code, body } = await request(this.#url, token, 'GET', `${kind.collection}/${kind.name}`)
    if (code === 200) this.#stored = (body as { metadata: { resourceVersion: string; uid: string } }).metadata
  }

  /** Takes away what a kind has left behind. */
  async clear({ collection, name }: Kind): Promise<void> {
    await request(this.#url, token, 'PATCH', `${collection}/${name}`, { metadata: { finalizers: null } }, 'application/merge-patch+json')
    await request(this.#url, token, 'DELETE', `${collection}/${name}?gracePeriodSeconds=0`)
  }
}

helpOf(`node conformance/differential/matrix.ts [part of a kind] [--verbose]
asks upstream's kube-apiserver and ours the same of every kind of the API, in order, and prints where the answers differ.`)
const words = process.argv.slice(2)
const only = words.find((word) => !word.startsWith('--'))
const judge = new Judge()

function compare(kind: Kind, ask: Ask, ours: Answer, theirs: Answer): void {
  const left = judge.compare(kind.id, ask.name, ours, theirs)
  if (left.length === 0) return
  console.log(`${kind.id}: ${ask.name}\n${left.slice(0, words.includes('--verbose') ? 100 : 12).map((line) => line.slice(0, words.includes('--verbose') ? 5000 : 500)).join('\n')}`)
}

const running = await startServers()
try {
  const sides = [new Side(running.ours.url), new Side(running.theirs.url)] as const
  for (const url of [running.ours.url, running.theirs.url]) {
    await request(url, token, 'POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await request(url, token, 'POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } })
  }
  const all = kinds().filter(({ id }) => only === undefined || id.includes(only))
  for (const [i, kind] of all.entries()) {
    process.stderr.write(`\r${i + 1}/${all.length} ${kind.id.padEnd(60)}`)
    for (const ask of kind.asks) {
      const [ours, theirs] = await Promise.all(sides.map((side) => side.ask(kind, ask))) as [Answer, Answer]
      compare(kind, ask, ours, theirs)
    }
    await Promise.all(sides.map((side) => side.clear(kind)))
  }
  process.stderr.write('\n')
  if (!judge.report()) process.exitCode = 1
} finally {
  running.stop()
}
