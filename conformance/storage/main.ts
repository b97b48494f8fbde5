/**
 * Whether our server and upstream's can read what the other wrote: `node conformance/storage/main.ts`. One of them fills a
 * store with the corpus, the other is started on it and must serve every object as it was; then the other way round, and
 * between our own store and etcd by way of `coxswain snapshot`, there and back. Besides, what kube-apiserver stored must come
 * out of our encoder byte for byte, and both must have used the same keys.
 */
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { startTestKms } from '../../src/apiserver/encryption/kms/grpc/testing.ts'
import { loadCorpus } from '../differential/corpus.ts'
import { type Server, Workshop } from '../differential/servers.ts'
import { type ApiObject, allObjects, compare, fill } from './objects.ts'
import { kmsSocket, stored, writeEncryption } from './raw.ts'

/** A server and what it keeps its objects in: an etcd, or a folder (our own store). */
interface Stage { readonly by: 'coxswain' | 'kube-apiserver'; readonly on: 'etcd' | 'folder' }

const upstream: Stage = { by: 'kube-apiserver', on: 'etcd' }
const oursOnEtcd: Stage = { by: 'coxswain', on: 'etcd' }
const oursAlone: Stage = { by: 'coxswain', on: 'folder' }

/** The first writes, each that follows reads: the same etcd when both have one, otherwise what a snapshot took over. */
const journeys: readonly (readonly Stage[])[] = [
  [upstream, oursOnEtcd], [oursOnEtcd, upstream], [oursAlone, upstream, oursAlone], [upstream, oursAlone, upstream],
]

const corpus = loadCorpus(join(import.meta.dirname, '../differential/corpus'), undefined)
let wrong = 0
const complain = (what: string, lines: readonly string[]) => {
  wrong += lines.length
  if (lines.length > 0) console.log(`${what}:\n  ${lines.slice(0, 40).map((line) => line.slice(0, 60_000)).join('\n  ')}${lines.length > 40 ? `\n  and ${lines.length - 40} more` : ''}`)
}

/** The flag of `coxswain snapshot` that names a store: an etcd's URL, or a folder. */
const storeFlag = ({ on }: Stage, store: string): string => (on === 'etcd' ? `--etcd-servers=${store}` : `--data-dir=${store}`)

function move(workshop: Workshop, from: string, to: string): void {
  const file = join(workshop.directory, 'moved.snapshot')
  for (const [command, flag] of [['save', from], ['restore', to]] as const) {
    execFileSync(process.execPath, [resolve(import.meta.dirname, '../../src/cli/main.ts'), 'snapshot', command, file, flag], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
}

/** Performs one journey; answers the keys that the writer used, when it wrote into an etcd. */
async function travel(workshop: Workshop, [first, ...others]: readonly Stage[]): Promise<readonly string[]> {
  const flags = [`--encryption-provider-config=${writeEncryption(workshop.directory)}`]
  const kms = await startTestKms(kmsSocket(workshop.directory))
  let stores = 0
  const newStore = ({ on }: Stage): Promise<string> => (on === 'etcd' ? workshop.etcd(`etcd-${++stores}`) : Promise.resolve(join(workshop.directory, `data-${++stores}`)))
  const start = async ({ by, on }: Stage, store: string): Promise<Server> => {
    const server = await (by === 'kube-apiserver' ? workshop.theirs(store, flags) : on === 'etcd' ? workshop.ours(store, flags) : workshop.ours(undefined, [...flags, `--data-dir=${store}`]))
    await workshop.ready(server)
    return server
  }
  let [stage, store] = [first!, await newStore(first!)]
  const writer = await start(stage, store)
  const made = await fill(writer, corpus)
  let before = await allObjects(writer)
  await workshop.processes.end(stage.by)
  const raw = stage.on === 'etcd' ? await stored(store) : undefined
  complain('not encrypted', raw?.plain ?? [])
  if (stage.by === 'kube-apiserver') complain('our encoder writes otherwise', raw!.otherwise)
  console.log(`${stage.by} wrote ${made} objects${raw === undefined ? '' : ` (${raw.keys.length} keys, ${raw.protobuf} of them protobuf)`}`)
  for (const next of others) {
    const moved = stage.on !== next.on
    if (moved) {
      const target = await newStore(next)
      move(workshop, storeFlag(stage, store), storeFlag(next, target))
      store = target
    }
    const asked = kms.opened
    const shown = await showsAll(await start(next, store), before, moved)
    if (kms.opened === asked) complain('not opened', ['nobody asked the key management service'])
    complain(`${stage.by} on ${stage.on}, then ${next.by} on ${next.on}`, shown.differences)
    console.log(`  ${moved ? 'by way of a snapshot, ' : ''}${next.by} on ${next.on} shows ${before.size - shown.differences.length} of ${before.size} objects in all versions`)
    await workshop.processes.end(next.by)
    stage = next
    before = shown.objects
  }
  kms.stop()
  return raw?.keys ?? []
}

async function showsAll(server: Server, before: ReadonlyMap<string, ApiObject>, moved: boolean): Promise<{ objects: Map<string, ApiObject>; differences: string[] }> {
  // Kinds of their own come a moment later.
  await new Promise((done) => { setTimeout(done, 3000) })
  const objects = await allObjects(server)
  return { objects, differences: compare(before, objects, moved) }
}

const keys: (readonly string[])[] = []
for (const journey of journeys) {
  const workshop = new Workshop()
  try {
    keys.push(await travel(workshop, journey))
  } finally {
    workshop.stop()
  }
}
const [theirs, ours] = keys as [string[], string[]]
const random = /\/(leases|events|masterleases|ranges\/servicenodeports|services\/(endpoints|specs)|ipaddresses|endpointslices|internal\.apiserver)/
complain('keys that only kube-apiserver uses', theirs.filter((key) => !ours.includes(key) && !random.test(key)))
process.exitCode = wrong === 0 ? 0 : 1
