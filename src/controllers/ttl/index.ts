import type { Node } from '../../api/generated/types/core-v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { patch } from '../../client/steps.ts'
import { keyOf } from '../../client/lister.ts'

const annotation = 'node.alpha.kubernetes.io/ttl'
/** How long kubelets may keep secrets and config maps, by the number of nodes; steps overlap so that none flaps. */
const steps = [
  { from: 0, to: 100, seconds: 0 }, { from: 90, to: 500, seconds: 15 }, { from: 450, to: 1000, seconds: 30 },
  { from: 900, to: 2000, seconds: 60 }, { from: 1800, to: Infinity, seconds: 300 },
]

/** The step for that many nodes, starting from the one that held so far. */
export function ttlSeconds(count: number, current: number): number {
  let at = Math.max(0, steps.findIndex(({ seconds }) => seconds === current))
  while (count > steps[at]!.to) at++
  while (count < steps[at]!.from) at--
  return steps[at]!.seconds
}

interface Snapshot {
  readonly node: Node
  readonly seconds: number
}

/** Tells kubelets how long to cache (upstream: pkg/controller/ttl). */
export function ttlController(): ControllerDefinition<Snapshot> {
  let current = 0
  return {
    name: 'ttl-controller',
    workers: 5,
    watches: [watch(nodes, (node, informers) => {
      const before = current
      current = ttlSeconds(informers.of(nodes).size, current)
      return before === current ? [keyOf(node)] : informers.of(nodes).list().map(keyOf)
    }, { changed: (node, old) => node.metadata.annotations?.[annotation] !== old.metadata.annotations?.[annotation] })],
    snapshot(key, informers) {
      const node = informers.of(nodes).get(key)
      return node === undefined ? undefined : { node, seconds: current }
    },
    plan({ node, seconds }) {
      if (node.metadata.annotations?.[annotation] === String(seconds)) return { steps: [] }
      const metadata = { annotations: { [annotation]: String(seconds) } }
      return { steps: [patch(nodes, { name: node.metadata.name ?? '' }, 'merge', { metadata }, { ignore: ['NotFound'] })] }
    },
  }
}
