/**
 * The API under load: kube-apiserver with etcd beside ours, both durable, each number as a ratio with its bar; and the floor,
 * which is what node:http2 and the disk cost by themselves.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadPki } from '../src/apiserver/http/files.ts'
import { type BootFigures, bootOurs, bootUpstream, total } from './lib/boot.ts'
import { BenchClient, percentile } from './lib/client.ts'
import { startOurs } from './lib/ours.ts'
import { cpuSeconds, freePort, peakMiB, startProgram, workFolder } from './lib/processes.ts'
import { type Figures, medianOf, printRatios } from './lib/ratios.ts'
import { startUpstream } from './lib/upstream.ts'
import { type Workload, prepare, workloadsOf } from './lib/workloads.ts'

const usage = `hack/bench api [--only NAME,...] [--rounds N] [--ours] [--prof DIR] [--scale F]
  --only     some of: boot, ${workloadsOf(1).map(({ name }) => name).join(', ')}
  --rounds N median of so many runs of each side, in turn (default 1)
  --ours     ours and the floor alone (no ratios to upstream)
  --prof DIR node's CPU profile of our server goes to DIR
  --scale F  so many times the usual number of requests
`

const { values: args } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h' }, only: { type: 'string' }, ours: { type: 'boolean' }, prof: { type: 'string' }, scale: { type: 'string' }, rounds: { type: 'string' },
  },
})
if (args.help === true) {
  process.stdout.write(usage)
  process.exit(0)
}

interface Server {
  readonly url: string
  readonly admin: { readonly cert: string; readonly key: string }
  readonly pids: readonly number[]
  stop(): Promise<void>
}

async function measure(name: string, server: Server, chosen: readonly Workload[]): Promise<Figures[]> {
  process.stderr.write(`${name}:`)
  const client = new BenchClient(server.url, server.admin)
  const out: Figures[] = []
  try {
    await prepare(client)
    for (const workload of chosen) {
      process.stderr.write(`  ${workload.name}`)
      const began = performance.now()
      for (const pid of server.pids) peakMiB(pid)
      await workload.prepare?.(client)
      // Both sides are measured warm: node compiles what runs often, Go fills its pools.
      await workload.warm?.(client)
      const before = server.pids.map(cpuSeconds)
      const load = await workload.run(client, server.pids)
      const spent = server.pids.reduce((sum, pid, i) => sum + cpuSeconds(pid) - before[i]!, 0)
      const peak = server.pids.reduce((sum, pid) => sum + peakMiB(pid), 0)
      process.stderr.write(` ${((performance.now() - began) / 1000).toFixed(0)}s`)
      out.push({
        name: workload.name, what: workload.what, bar: workload.bar, cpuMs: (spent * 1000) / load.requests,
        rate: load.requests / load.seconds, p50: percentile(load.latencies, 0.5), p99: percentile(load.latencies, 0.99), peakMiB: peak,
        ...(load.growthMiB === undefined ? {} : { growthMiB: load.growthMiB }),
      })
    }
  } finally {
    client.close()
    await server.stop()
  }
  process.stderr.write('\n')
  return out
}

async function inFolder<T>(name: string, work: (dir: string) => Promise<T>): Promise<T> {
  const { dir, remove } = workFolder(name)
  try {
    return await work(dir)
  } finally {
    remove()
  }
}

const measureUpstream = (chosen: readonly Workload[]): Promise<Figures[]> => inFolder('api-upstream', async (dir) => {
  const plane = await startUpstream(dir)
  return measure('kube-apiserver + etcd', { ...plane, pids: [plane.apiserver.pid, plane.etcd.pid] }, chosen)
})

const measureOurs = (chosen: readonly Workload[]): Promise<Figures[]> => inFolder('api-coxswain', async (dir) => {
  const own = await startOurs(dir, args.prof)
  return measure('coxswain', { ...own, pids: [own.apiserver.pid] }, chosen)
})

const measureFloor = (chosen: readonly Workload[]): Promise<Figures[]> => inFolder('api-floor', async (dir) => {
  const { admin } = loadPki(dir, { now: new Date(), dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
  const port = await freePort()
  const floor = startProgram('floor', process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'lib/floor.ts'), dir, String(port)], dir)
  const url = `https://127.0.0.1:${port}`
  await untilAnswers(url, admin)
  return measure('floor', { url, admin, pids: [floor.pid], stop: () => floor.stop() }, chosen.filter(({ floor: has }) => has !== false))
})

/** The floor speaks HTTP/2 alone. */
async function untilAnswers(url: string, admin: Server['admin']): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const client = new BenchClient(url, admin, 1)
    try {
      await client.call(0, { path: '/' })
      return
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      client.close()
    }
  }
}

const bootFigures = ({ readyMs, memory, server }: BootFigures): Figures[] => [
  { name: 'boot', what: 'from nothing to ready', bar: { seconds: 1 / 10 }, seconds: readyMs / 1000 },
  { name: 'idle', what: 'API server + store idle', bar: { memory: 1 / 3 }, residentMiB: server },
  { name: 'plane', what: 'the whole control plane idle', bar: { memory: 1 / 4 }, residentMiB: total(memory) },
]

const names = args.only?.split(',')
const chosen = workloadsOf(Number(args.scale ?? 1)).filter(({ name }) => names?.includes(name) ?? true)
const booted = names?.includes('boot') ?? true
const upstream: Figures[][] = []
const ours: Figures[][] = []
for (let round = 0; round < Number(args.rounds ?? 1); round++) {
  if (args.ours !== true) upstream.push([...(booted ? bootFigures(await bootUpstream()) : []), ...(chosen.length > 0 ? await measureUpstream(chosen) : [])])
  ours.push([...(booted ? bootFigures(await bootOurs()) : []), ...(chosen.length > 0 ? await measureOurs(chosen) : [])])
}
const floor = chosen.length > 0 ? await measureFloor(chosen) : []
process.exitCode = printRatios(medianOf(ours), args.ours === true ? undefined : medianOf(upstream), floor) ? 0 : 1
