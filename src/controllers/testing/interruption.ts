/** A world of controllers whose process is killed, restarted or cut off at a write, and what it has come to afterwards. For tests. */
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { createInProcessClient } from '../../client/in-process.ts'
import { createControllerManager } from '../manager.ts'
import type { ControllerManagerOptions } from '../options.ts'
import { createTestCluster, type TestCluster, type TestClusterOptions } from './cluster.ts'
import { type Failure, flakyRoad } from './flaky.ts'

export interface InterruptedWorld {
  readonly options: ControllerManagerOptions
  readonly finish?: TestClusterOptions['finish']
  /** What is compared. */
  readonly kinds: readonly Resource<KubeObject>[]
  /** First things are made, then they are changed and deleted. */
  first(cluster: TestCluster): Promise<void>
  later(cluster: TestCluster): Promise<void>
}

export interface WorldEnd {
  /** An object a line, without what tells of the way and not of the end. */
  readonly end: string
  readonly writes: number
}

/** What the world comes to when the road to the API breaks at write number `at` (from 1; 0: never). Whoever dies is started again. */
export async function endOf(world: InterruptedWorld, at: number, failure: Failure): Promise<WorldEnd> {
  const cluster = await createTestCluster({ controllers: [], ...(world.finish === undefined ? {} : { finish: world.finish }) })
  const user = { name: 'system:kube-controller-manager', groups: ['system:masters', 'system:authenticated'] }
  const start = async (breaksAt: number) => {
    const road = flakyRoad(cluster.handler, cluster.env.clock, breaksAt, failure)
    const manager = createControllerManager(cluster.env, createInProcessClient(road.handler, user, { userAgent: 'test' }), world.options)
    await manager.start()
    return { road, manager }
  }
  let running = await start(at)
  let writes = 0
  async function rest(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1000) {
      await cluster.advance(1000)
      if (!running.road.dead) continue
      writes += running.road.writes
      await running.manager.stop()
      running = await start(0)
    }
  }
  try {
    await world.first(cluster)
    await rest(100_000)
    await world.later(cluster)
    await rest(160_000)
    await running.manager.stop()
    return { end: await worldOf(cluster, world.kinds), writes: writes + running.road.writes }
  } finally {
    await cluster.stop()
  }
}

/** What tells of the way and not of the end. */
const ofTheWay = /^(uid|resourceVersion|creationTimestamp|managedFields|generation|observedGeneration|message|podIPs?|ip|addresses|.*Time|.*At|collisionCount|observedRevision)$/
const timeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

async function worldOf({ client }: TestCluster, kinds: InterruptedWorld['kinds']): Promise<string> {
  const lists = await Promise.all(kinds.map(async (kind) => (await client.list(kind)).items.map((object) => ({ kind, object }))))
  const all = lists.flat()
  // Labels and references tell uids and generated names of others.
  const uids = all.map(({ kind, object: { metadata } }) => [metadata.uid, `uid of ${kind.resource} ${metadata.generateName ?? metadata.name}`] as const)
  const names = all.flatMap(({ object: { metadata } }) => (metadata.generateName === undefined ? [] : [[metadata.name, `${metadata.generateName}*`] as const]))
  const made = new Map<string | undefined, string>([...uids, ...names])
  const plain = (value: unknown): unknown => {
    if (typeof value === 'string') return made.get(value) ?? value
    if (Array.isArray(value)) return value.map(plain).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).filter(([name]) => !ofTheWay.test(name) && name !== timeAnnotation).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, plain(one)]))
  }
  // The time of a trigger may have been all there was.
  return all.map(({ kind, object }) => `${kind.resource} ${JSON.stringify(plain(object)).replace('"annotations":{},', '')}`).toSorted().join('\n')
}

export const failures: readonly Failure[] = ['killed before', 'killed behind', 'answer lost', 'cut off']
const perFailure = 3

/** Where the ends differ from the calm one, of each write that was chosen: all with EVERY_WRITE=1, else a few, others each day. */
export async function differences(world: InterruptedWorld, calm: WorldEnd, failure: Failure): Promise<string[]> {
  const { end, writes } = calm
  const day = Math.floor(Date.now() / 86_400_000)
  const all = Array.from({ length: writes }, (_, at) => at + 1)
  const chosen = process.env['EVERY_WRITE'] === '1' ? all : all.filter((at) => (at * 7919 + day * 104_729 + failures.indexOf(failure) * 31) % writes < perFailure)
  const wanted = end.split('\n')
  const found: string[] = []
  for (const at of chosen) {
    const lines = (await endOf(world, at, failure)).end.split('\n')
    for (const line of wanted) if (!lines.includes(line)) found.push(`write ${at}: missing ${line}`)
    for (const line of lines) if (!wanted.includes(line)) found.push(`write ${at}: more ${line}`)
    if (lines.length !== wanted.length) found.push(`write ${at}: ${lines.length} objects instead of ${wanted.length}`)
  }
  return found
}
