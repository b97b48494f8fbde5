/** A load as a list of steps: what is made, how much of it, and what is waited for. */
import type { BenchClient, Call } from '../lib/client.ts'

export interface Size {
  readonly nodes: number
  readonly namespaces: number
  /** In each namespace. */
  readonly deployments: number
  /** Of each deployment. */
  readonly replicas: number
}

interface Step {
  readonly name: string
  /** Requests, made by `clients` at once. */
  readonly calls: readonly Call[]
  readonly clients: number
  /** How many pods are to be ready before the next step. */
  readonly ready?: number
}

const json = { 'content-type': 'application/json' }
const post = (path: string, object: object): Call => ({ method: 'POST', path, headers: json, body: JSON.stringify(object) })
export const namespaceOf = (i: number): string => `load-${i}`
const container = (name: string) => ({ name, image: 'example.org/load:1', resources: { requests: { cpu: '10m', memory: '32Mi' } } })

function deployment(namespace: string, i: number, replicas: number): Call {
  const labels = { app: `app-${i}` }
  return post(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: `app-${i}` },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [container('main'), container('side')] } } },
  })
}

/** A pod as the measured changes make and delete them. */
export const singlePod = (namespace: string, name: string): Call => post(`/api/v1/namespaces/${namespace}/pods`, {
  apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { measured: 'yes' } }, spec: { containers: [container('main'), container('side')] },
})

/** Fills a cluster of that size: two containers a pod. */
export function fillingSteps({ namespaces, deployments, replicas }: Size): readonly Step[] {
  const names = Array.from({ length: namespaces }, (_, i) => namespaceOf(i))
  return [
    { name: 'namespaces', clients: 4, calls: names.map((name) => post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })) },
    {
      name: 'deployments', clients: 4, ready: namespaces * deployments * replicas,
      calls: names.flatMap((name) => Array.from({ length: deployments }, (_, i) => deployment(name, i, replicas))),
    },
  ]
}

const pollMs = 2000

/** Performs the steps; `progress` hears what is done and how much of it is ready. Throws when pods are not ready in time. */
export async function perform(client: BenchClient, steps: readonly Step[], progress: (text: string) => void, limitMs: number): Promise<void> {
  const end = performance.now() + limitMs
  for (const { name, calls, clients, ready } of steps) {
    progress(`${name}: ${calls.length} requests`)
    const made = client.load(calls.length, clients, (i) => calls[i]!)
    if (ready === undefined) {
      await made
      continue
    }
    let failure: unknown
    made.catch((error: unknown) => (failure = error))
    for (;;) {
      const count = await readyPods(client)
      progress(`${name}: ${count} of ${ready} pods are ready`)
      if (count >= ready) break
      if (failure !== undefined) throw failure
      if (performance.now() > end) throw new Error(`${count} of ${ready} pods were ready in time`)
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
    await made
  }
}

async function readyPods(client: BenchClient): Promise<number> {
  const { text } = await client.ok({ path: '/apis/apps/v1/deployments?resourceVersion=0' })
  let sum = 0
  for (const [, count] of text.matchAll(/"readyReplicas":(\d+)/g)) sum += Number(count)
  return sum
}
