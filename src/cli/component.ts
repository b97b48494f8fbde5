/** What component subcommands share: a client from a kubeconfig, leader election, health endpoints, signals. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { parseYaml } from '../api/codec/yaml.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { releaseWhenQuiet } from '../base/real/quiet.ts'
import type { Component, Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { createHttpClient } from '../client/http/transport.ts'
import { createEventRecorder } from '../client/events.ts'
import { type ClientConfig, parseKubeconfig } from '../client/kubeconfig.ts'
import { runLeaderElection } from '../client/leader-election.ts'
import { type Flag, type FlagValues, type Invocation, UsageError } from './command.ts'

export const clientFlags: readonly Flag[] = [
  { name: 'kubeconfig', type: 'string', required: true, help: 'File that says where the API server is and who we are' },
  { name: 'v', short: 'v', type: 'int', default: 2, help: 'How much is logged; 4 and more: debug' },
]

/** Upstream's leader election flags with its defaults. */
export function leaderElectionFlags(lockName: string): readonly Flag[] {
  const group = 'Leader election'
  return [
    { name: 'leader-elect', type: 'bool', default: true, group, help: 'Only one of several candidates works at a time' },
    { name: 'leader-elect-resource-lock', type: 'string', default: 'leases', group, help: 'leases: the only kind of lock there is' },
    { name: 'leader-elect-resource-name', type: 'string', default: lockName, group, help: 'Name of the Lease' },
    { name: 'leader-elect-resource-namespace', type: 'string', default: 'kube-system', group, help: 'Namespace of the Lease' },
    { name: 'leader-elect-lease-duration', type: 'duration', default: 15_000, group, help: 'How long others wait before they take over' },
    { name: 'leader-elect-renew-deadline', type: 'duration', default: 10_000, group, help: 'How long the leader tries to renew' },
    { name: 'leader-elect-retry-period', type: 'duration', default: 2_000, group, help: 'Time between tries' },
  ]
}

/** What --without leaves out of a process that holds several components. */
export function withoutFrom(flags: FlagValues, known: readonly string[]): readonly string[] {
  const names = flags.list('without')
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new UsageError(`--without: ${unknown} is none of ${known.join(', ')}`)
  return names
}

/** An Env that logs at the level of -v, of a program that runs on. */
export function systemEnv(invocation: Invocation, name: string): Env {
  const level = (invocation.flags.number('v') ?? 2) >= 4 ? 'debug' : 'info'
  const env = createSystemEnv({ log: createLogger({ level, name }) })
  env.tasks.go('memory', (signal) => releaseWhenQuiet(env.clock, signal))
  return env
}

/** Resolves when the process is asked to end (SIGINT, SIGTERM). */
export function untilSignalled(given?: AbortSignal): Promise<NodeJS.Signals> {
  // A pending promise keeps no process alive; a timer does.
  const alive = setInterval(() => undefined, 1 << 30)
  given?.addEventListener('abort', () => clearInterval(alive))
  return new Promise((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        clearInterval(alive)
        done(signal)
      })
    }
  })
}

/** The client that the kubeconfig file describes. */
export async function clientFromKubeconfig(file: string, env: Env, userAgent: string): Promise<Client & { close(): Promise<void> }> {
  return createHttpClient(configFromKubeconfig(file), { clock: env.clock, userAgent })
}

/** What the kubeconfig file says; another server when one is given. */
function configFromKubeconfig(file: string, server = ''): ClientConfig {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`cannot read the kubeconfig ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const config = parseKubeconfig(parseYaml(text), { resolveFile: (name) => resolve(dirname(file), name) })
  return server === '' ? config : { ...config, server: server.replace(/\/+$/, '') }
}

/** Where the API server is: a kubeconfig file, a URL that wins over it, or the service account of this pod when neither is given. */
export interface ClientSource {
  readonly kubeconfig: string
  readonly server: string
}

function configFrom({ kubeconfig, server }: ClientSource): ClientConfig {
  if (kubeconfig !== '') return configFromKubeconfig(kubeconfig, server)
  if (server !== '') return { server: server.replace(/\/+$/, '') }
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env
  if (host === undefined || port === undefined) {
    throw new UsageError('unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined; give --kubeconfig outside of a cluster')
  }
  const folder = '/var/run/secrets/kubernetes.io/serviceaccount'
  return { server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`, tokenFile: `${folder}/token`, ca: { file: `${folder}/ca.crt` } }
}

/** The client that the source describes. */
export async function clientFrom(source: ClientSource, env: Env, userAgent: string): Promise<Client & { close(): Promise<void> }> {
  return createHttpClient(configFrom(source), { clock: env.clock, userAgent })
}

export interface RunOptions {
  readonly source?: ClientSource
  /** Health and metrics, served from the start, whoever leads. */
  readonly serve?: (env: Env) => Promise<{ close(): Promise<void> } | undefined>
  /** How long the component may take to stop; it is left behind then. */
  readonly shutdownMs?: number
}

function within(work: Promise<void>, ms: number | undefined): Promise<void> {
  if (ms === undefined) return work
  return Promise.race([work, new Promise<void>((done) => void setTimeout(done, ms).unref())])
}

/** How long one that lost its lease may take to end in order. */
const lostLeaseMs = 5000

/** Runs a component against the API server of --kubeconfig until it is told to end; under election when the flags say so. */
export async function runWithClient(
  invocation: Invocation, name: string, create: (env: Env, client: Client, config: ClientConfig) => Component,
  { source = { kubeconfig: invocation.flags.string('kubeconfig')!, server: '' }, serve, shutdownMs }: RunOptions = {},
): Promise<number> {
  const { flags } = invocation
  const lock = flags.bool('leader-elect') ? flags.string('leader-elect-resource-lock') : 'leases'
  if (lock !== 'leases') throw new UsageError('resourceLock value must be "leases"')
  const env = systemEnv(invocation, name)
  const config = configFrom(source)
  const client = await createHttpClient(config, { clock: env.clock, userAgent: name })
  const server = await serve?.(env)
  const controller = new AbortController()
  const run = async (signal: AbortSignal): Promise<void> => {
    const component = create(env, client, config)
    await component.start()
    env.log.info('started', { component: name })
    await new Promise<void>((done) => (signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true })))
    // Another leads by now: what waits here for a network that is gone must not keep the process from ending.
    if (!controller.signal.aborted) setTimeout(() => process.exit(1), lostLeaseMs + (shutdownMs ?? 0)).unref()
    await within(component.stop(), shutdownMs)
  }
  const work = flags.bool('leader-elect')
    ? runLeaderElection({
      client, clock: env.clock, random: env.random, log: env.log, metrics: env.metrics, recorder: createEventRecorder(env, client, { component: name }), identity: `${hostname()}_${env.random.uuid()}`,
      namespace: flags.string('leader-elect-resource-namespace')!, name: flags.string('leader-elect-resource-name')!,
      leaseDurationMs: flags.number('leader-elect-lease-duration'), renewDeadlineMs: flags.number('leader-elect-renew-deadline'),
      retryPeriodMs: flags.number('leader-elect-retry-period'), releaseOnCancel: true, lead: run,
    }, controller.signal)
    : run(controller.signal)
  const over = new AbortController()
  try {
    // Whoever loses the lease ends, so that a supervisor starts it afresh: upstream's rule.
    const end = await Promise.race([untilSignalled(over.signal), work.then(() => 'lost' as const)])
    controller.abort(new Error('the component is told to end'))
    await work
    await server?.close()
    await env.tasks.stop()
    await client.close()
    return end === 'lost' ? 1 : 0
  } finally {
    over.abort()
  }
}
