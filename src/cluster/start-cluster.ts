/** A whole cluster in this process, for tests and tools: control plane and simulated nodes. */
import type { Env } from '../base/env.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { createVirtualEnv, isVirtual } from '../base/real/virtual.ts'
import { seededRandom } from '../base/virtual/random.ts'
import { preload } from '../apiserver/preload.ts'
import { type Cluster, RunningCluster } from './cluster.ts'
import type { ClusterOptions } from './options.ts'
import { createAuthorities, seededAuthorities } from './pki/memory.ts'

export type { Cluster } from './cluster.ts'

/** Starts a cluster and resolves when its nodes are registered and its controllers work. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const env = options.env ?? envOf(options)
  // Time that is moved by hand must not wait for files: what the start would load on its way is loaded before.
  if (isVirtual(env)) await preload()
  const authorities = isVirtual(env) ? seededAuthorities(seededRandom(`keys of ${options.seed ?? 1}`)) : createAuthorities(new Date(env.clock.now()))
  const cluster = await RunningCluster.create(env, options, authorities)
  await cluster.wake()
  return cluster
}

function envOf({ time = 'real', seed }: ClusterOptions): Env {
  const log = createLogger({ level: 'warn', name: 'cluster' })
  if (time === 'real') return createSystemEnv({ log })
  const from = time === 'virtual' || time.start === undefined ? undefined : new Date(time.start).getTime()
  return createVirtualEnv({ log, ...(from === undefined ? {} : { start: from }), ...(seed === undefined ? {} : { seed }) })
}
