/** What the driver sees of pods: a watch that counts those that are scheduled, by namespace. */
import type { BenchClient } from '../lib/client.ts'

interface Seen {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  scheduled: boolean
  attempted: boolean
}

interface WatchedPod {
  readonly metadata: { readonly resourceVersion: string; readonly namespace: string; readonly name: string; readonly uid: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec: { readonly nodeName?: string }
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

export type Selector = Readonly<Record<string, string>> | undefined

export class PodWatch {
  readonly #pods = new Map<string, Seen>()
  #listeners = new Set<(pod: Seen, at: number) => void>()
  #version = '0'
  #stopped = false
  #stop: () => void = () => undefined

  async start(client: BenchClient): Promise<void> {
    const own = client.another(1)
    this.#stop = () => {
      this.#stopped = true
      own.close()
    }
    await this.#open(own)
  }

  /** Servers end watches whose client falls behind: then it goes on where it was. */
  async #open(own: BenchClient): Promise<void> {
    const stream = own.open(0, { path: `/api/v1/pods?watch=1&resourceVersion=${this.#version}&allowWatchBookmarks=true` })
    stream.on('error', () => undefined)
    stream.once('close', () => {
      if (!this.#stopped) void this.#open(own)
    })
    let rest = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      rest += chunk
      let from = 0
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
        this.#take(JSON.parse(rest.slice(from, end)) as { type: string; object: WatchedPod })
        from = end + 1
      }
      rest = rest.slice(from)
    })
    await new Promise((resolve) => stream.once('response', resolve))
  }

  stop(): void {
    this.#stop()
  }

  /** Calls back for every pod that gets its node from now on. */
  onScheduled(listener: (pod: Seen, at: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  count(namespace: string, labels: Selector, what: 'scheduled' | 'attempted'): number {
    let count = 0
    for (const pod of this.#pods.values()) if (pod.namespace === namespace && selects(labels, pod) && pod[what]) count++
    return count
  }

  names(namespace: string, labels: Selector): string[] {
    return [...this.#pods.values()].filter((pod) => pod.namespace === namespace && selects(labels, pod)).map(({ name }) => name)
  }

  #take({ type, object }: { type: string; object: WatchedPod }): void {
    if (type === 'ERROR') throw new Error(`the watch of pods ended: ${JSON.stringify(object)}`)
    this.#version = object.metadata.resourceVersion
    if (type === 'BOOKMARK') return
    const { uid, namespace, name, labels = {} } = object.metadata
    if (type === 'DELETED') return void this.#pods.delete(uid)
    let seen = this.#pods.get(uid)
    if (seen === undefined) this.#pods.set(uid, (seen = { namespace, name, labels, scheduled: false, attempted: false }))
    seen.attempted ||= object.status?.conditions?.some((condition) => condition.type === 'PodScheduled') ?? false
    if (seen.scheduled || (object.spec.nodeName ?? '') === '') return
    seen.scheduled = seen.attempted = true
    const at = performance.now()
    for (const listener of this.#listeners) listener(seen, at)
  }
}

function selects(labels: Selector, pod: Seen): boolean {
  return Object.entries(labels ?? {}).every(([key, value]) => pod.labels[key] === value)
}
