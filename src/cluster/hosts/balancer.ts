/**
 * What stands before several API servers: passes connections on to those that say they are ready. A server that stops
 * answering loses its connections, so that clients come back and are led to another.
 */
import { type Server, type Socket, connect, createServer } from 'node:net'
import { once } from 'node:events'
import type { Clock, Component, Logger } from '../../base/env.ts'

export interface Backend {
  readonly host: string
  readonly port: number
}

export interface BalancerOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly address: string
  readonly port: number
  readonly backends: readonly Backend[]
  /** Whether the backend may be used; must answer soon. */
  readonly isReady: (backend: Backend) => Promise<boolean>
}

interface State {
  readonly backend: Backend
  readonly connections: Set<Socket>
  failures: number
}

const checkEveryMs = 1000
const connectLimitMs = 1000
/** One answer that does not come may be chance. */
const failuresAllowed = 1

export interface Balancer extends Component {
  readonly port: number
}

/** Ready when it listens. */
export function createBalancer(o: BalancerOptions): Balancer {
  const states: readonly State[] = o.backends.map((backend) => ({ backend, connections: new Set(), failures: 0 }))
  const stopping = new AbortController()
  const server: Server = createServer({ noDelay: true }, (client) => void serve(client))
  let markReady!: () => void
  const ready = new Promise<void>((resolve) => (markReady = resolve))

  async function serve(client: Socket): Promise<void> {
    client.on('error', () => client.destroy())
    for (const state of inOrder(states)) {
      const upstream = await open(state.backend)
      if (client.destroyed) return void upstream?.destroy()
      if (upstream === undefined) continue
      join(client, upstream, state)
      return
    }
    o.log.warn('no server takes a connection')
    client.destroy()
  }

  /** The connection, or undefined when it does not come in time. */
  function open({ host, port }: Backend): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const socket = connect({ host, port, noDelay: true })
      const timer = o.clock.setTimeout(() => socket.destroy(), connectLimitMs)
      socket.once('connect', () => {
        timer.cancel()
        resolve(socket)
      })
      socket.on('error', () => socket.destroy())
      socket.once('close', () => {
        timer.cancel()
        resolve(undefined)
      })
    })
  }

  async function watch(state: State): Promise<void> {
    while (!stopping.signal.aborted) {
      const isReady = await o.isReady(state.backend)
      const before = state.failures
      state.failures = isReady ? 0 : state.failures + 1
      if (before > failuresAllowed && isReady) o.log.info('server is back', { ...state.backend })
      if (before === failuresAllowed && !isReady) {
        o.log.warn('server is passed over', { ...state.backend })
        for (const socket of state.connections) socket.destroy()
      }
      await o.clock.sleep(checkEveryMs, stopping.signal).catch(() => undefined)
    }
  }

  return {
    name: 'balancer', ready,
    get port() {
      const at = server.address()
      return typeof at === 'object' && at !== null ? at.port : 0
    },
    async start() {
      server.listen(o.port, o.address)
      await once(server, 'listening')
      for (const state of states) void watch(state)
      markReady()
    },
    async stop() {
      stopping.abort(new Error('the balancer is stopping'))
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const { connections } of states) for (const socket of connections) socket.destroy()
      await closed
    },
  }
}

/** Those that answer first, and of them who has the fewest connections; the others as a last resort. */
function inOrder(states: readonly State[]): State[] {
  const rank = ({ failures }: State): number => (failures > failuresAllowed ? 1 : 0)
  return states.toSorted((a, b) => rank(a) - rank(b) || a.connections.size - b.connections.size)
}

function join(client: Socket, upstream: Socket, { connections }: State): void {
  connections.add(upstream)
  client.pipe(upstream).pipe(client)
  upstream.once('close', () => {
    connections.delete(upstream)
    client.destroy()
  })
  client.once('close', () => upstream.destroy())
}
