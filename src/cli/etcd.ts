/** `coxswain etcd`: our store behind etcd's API, for an API server that is not ours. */
import { readFileSync } from 'node:fs'
import { openLmdbStore } from '../apiserver/storage/lmdb/lmdb.ts'
import { createEtcdServer } from '../apiserver/storage/server/server.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { type Command, type FlagValues, type Invocation, UsageError } from './command.ts'
import { untilSignalled } from './component.ts'
import { etcdFlags } from './flags/etcd.ts'

export const command: Command = {
  name: 'etcd',
  summary: 'The store behind etcd\'s v3 API, one member',
  description: [
    'Keeps the state of programs that want an etcd: ranges, transactions over one key, watches, leases, compaction.',
    'That is all that kube-apiserver asks for; several members, users and snapshots are not there.',
    '', 'Example:', '  coxswain etcd --data-dir ./state --listen-client-urls http://127.0.0.1:2379',
  ].join('\n'),
  flags: etcdFlags,
  run,
}

async function run({ flags, stderr }: Invocation): Promise<number> {
  const name = flags.string('name')!
  if (flags.string('initial-cluster')!.split(',').length > 1) throw new UsageError('--initial-cluster: this store has one member; for several use etcd\'s own program')
  const clientUrls = flags.list('listen-client-urls')
  const tls = tlsFrom(flags)
  const addresses = clientUrls.map((url) => addressOf(url, 'listen-client-urls', tls === undefined ? ['http'] : ['https']))
  const metricsAddresses = flags.list('listen-metrics-urls').map((url) => addressOf(url, 'listen-metrics-urls', ['http']))
  const env = createSystemEnv({ log: createLogger({ name: 'etcd' }) })
  const store = openLmdbStore({
    path: flags.string('data-dir') || `${name}.etcd`, clock: env.clock, log: env.log, unsafeNoSync: flags.bool('unsafe-no-fsync'), quotaBytes: flags.number('quota-backend-bytes')!,
  })
  const server = createEtcdServer({
    store, clock: env.clock, name, addresses, metricsAddresses, progressIntervalMs: flags.number('watch-progress-notify-interval')!, ...(tls === undefined ? {} : { tls }),
  })
  try {
    await server.start()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    stderr(`error: ${(error as Error).message}: choose another address with --listen-client-urls, or stop what listens there\n`)
    await server.stop()
    await store.close()
    return 1
  }
  env.log.info('ready to serve client requests', { urls: clientUrls.join(',') })
  await untilSignalled()
  await server.stop()
  await store.close()
  await env.tasks.stop()
  return 0
}

function tlsFrom(flags: FlagValues): { cert: string; key: string; clientCA?: string } | undefined {
  const [cert, key, ca] = ['cert-file', 'key-file', 'trusted-ca-file'].map((flag) => fileOf(flags, flag))
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert-file and --key-file go together')
  if (cert === undefined || key === undefined) return undefined
  if (flags.bool('client-cert-auth') && ca === undefined) throw new UsageError('--client-cert-auth: name who signs clients with --trusted-ca-file')
  return { cert, key, ...(flags.bool('client-cert-auth') ? { clientCA: ca! } : {}) }
}

function fileOf(flags: FlagValues, flag: string): string | undefined {
  const path = flags.string(flag)
  if (path === undefined || path === '') return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--${flag}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function addressOf(url: string, flag: string, schemes: readonly string[]): string {
  const [, scheme, host, port] = /^(https?):\/\/(\[[^\]]+\]|[^:/]+):(\d+)\/?$/.exec(url) ?? []
  if (scheme === undefined) throw new UsageError(`--${flag}: ${JSON.stringify(url)} must be SCHEME://HOST:PORT`)
  if (!schemes.includes(scheme)) throw new UsageError(`--${flag}: ${url}: ${scheme === 'https' ? 'https needs --cert-file and --key-file' : 'with --cert-file it must be https'}`)
  return `${host === 'localhost' ? '127.0.0.1' : host}:${port}`
}
