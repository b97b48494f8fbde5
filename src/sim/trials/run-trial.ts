/** A trial: an operator in a cluster where everything goes wrong that a seed draws, and what the checkers found. */
import { configMaps, customResourceDefinitions, namespaces } from '../../api/generated/resources.ts'
import { type SeededRandom, seededRandom } from '../../base/virtual/random.ts'
import type { Cluster, Snapshot } from '../../cluster/cluster.ts'
import type { FaultRule } from '../../cluster/faults.ts'
import { startCluster } from '../../cluster/start-cluster.ts'
import { RunningCheckers, checkRest, checkStorm } from './checkers.ts'
import type { Habits } from './operator.ts'
import { startOperator } from './process.ts'
import { apps, appsDefinition, badText, inside, operatorUser, outside, ownerLabel } from './world.ts'

export interface TrialResult {
  /** None for an operator that did right. */
  readonly violations: readonly string[]
  readonly crashes: number
}

const acts = 40
const names = ['red', 'green', 'blue']
const match = { user: operatorUser }
const writing = ['create', 'update', 'delete']

/** All of them are at work in every trial; chance decides whom they strike. */
const faults: readonly FaultRule[] = [
  { match: { ...match, verb: writing }, error: 409, probability: 0.06 },
  { match: { ...match, verb: writing }, error: 500, probability: 0.04 },
  { match: { ...match, verb: writing }, error: 429, probability: 0.03 },
  { match: { ...match, verb: writing }, dropAnswer: true, probability: 0.04 },
  { match, crash: 'before', probability: 0.03 },
  { match, crash: 'after', probability: 0.04 },
  { match: { ...match, verb: 'list' }, stale: '20s', probability: 0.5 },
  { match: { ...match, verb: 'watch' }, watch: { reorder: '6s' } },
  { match: { ...match, verb: 'watch' }, watch: { duplicate: 0.2 }, probability: 0.3 },
]

/** The world before each trial: the kind, no Apps, and the controllers that clear up. */
export async function prepareTrials(): Promise<{ readonly snapshot: Snapshot; stop(): Promise<void> }> {
  const cluster = await startCluster({ time: 'virtual', nodes: 0, scheduler: false, controllers: ['garbage-collector-controller', 'namespace-controller'], history: 'all' })
  await cluster.client.create(customResourceDefinitions, appsDefinition)
  await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: outside } })
  await cluster.time.advance('1m')
  return { snapshot: cluster.snapshot(), stop: () => cluster.stop() }
}

/** Runs the operator with these habits. The same seed makes the same trial. */
export async function runTrial(start: Snapshot, habits: Habits, seed: number): Promise<TrialResult> {
  const cluster = await start.fork({ faultSeed: seed })
  try {
    const checkers = new RunningCheckers()
    cluster.onWrite((write) => checkers.see(write))
    const operator = startOperator(cluster, habits)
    for (const rule of faults) cluster.faults.add(rule)
    await disturb(cluster, seededRandom(`acts ${seed}`))
    cluster.faults.clear()
    await cluster.time.advance('10m')
    const violations = [...checkers.violations, ...checkStorm(operator.refusals), ...(await checkRest(cluster))]
    await operator.stop()
    return { violations, crashes: operator.crashes }
  } finally {
    await cluster.stop()
  }
}

/** What users do meanwhile; in the end every App asks for what is possible, and one is gone. */
async function disturb(cluster: Cluster, random: SeededRandom): Promise<void> {
  const { client, time } = cluster
  const key = (name: string) => ({ namespace: inside, name })
  const change = (name: string, spec: object) => client.patch(apps, key(name), 'merge', { spec })
  const app = (name: string) => ({ apiVersion: 'trials.example.org/v1', kind: 'App', metadata: key(name), spec: { parts: 2, text: 'first' } })
  for (const name of names) await client.create(apps, app(name))
  await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...key('of-somebody-else'), labels: { [ownerLabel]: 'red', foreign: 'yes' } } })
  for (let i = 0; i < acts; i++) {
    await time.advance(200 + random.int(random.next() < 0.5 ? 2_000 : 20_000))
    const name = names[random.int(names.length)]!
    const there = (await client.list(apps, { namespace: inside })).items.some(({ metadata }) => metadata.name === name)
    const act = random.int(10)
    if (!there) await client.create(apps, app(name))
    else if (act < 4) await change(name, { text: `text-${i}` })
    else if (act < 6) await change(name, { parts: 1 + random.int(4) })
    else if (act < 8) await note(cluster, name, i + 1)
    else if (act < 9) await client.delete(apps, key(name))
    else await change(name, { text: badText })
  }
  await change('red', { text: 'last', parts: 2 }).catch(() => undefined)
  await change('blue', { text: badText }).catch(() => undefined)
  await time.advance('2m')
  await change('blue', { text: 'last', parts: 3 }).catch(() => undefined)
  await client.delete(apps, key('green')).catch(() => undefined)
  await time.advance('30s')
}

/** Somebody else writes into the parts of an App. */
async function note({ client }: Cluster, app: string, value: number): Promise<void> {
  const { items } = await client.list(configMaps, { namespace: inside, labelSelector: `${ownerLabel}=${app}` })
  for (const { metadata } of items) {
    await client.patch(configMaps, { namespace: inside, name: metadata.name! }, 'merge', { metadata: { annotations: { noted: String(value) } } }).catch(() => undefined)
  }
}
