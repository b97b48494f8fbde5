/** Where clusters live on this machine, and what is remembered of each so that it can be found by its name. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Upstream } from './programs.ts'

/** What `up` chose for a cluster: written once, read by every later command. */
export interface ClusterRecord {
  readonly name: string
  readonly dataDir: string
  readonly nodes: number
  readonly simulate: boolean
  readonly slot: number
  readonly port: number
  readonly kubeconfig: string
  /** Number of hosts of the control plane; absent: it runs on the machine itself. */
  readonly members?: number | undefined
  /** Components that are upstream's. */
  readonly upstream?: Upstream | undefined
  /** true: addresses of both IP families; absent: IPv4 alone. */
  readonly dualStack?: boolean | undefined
  /** false: no load balancers of this machine. */
  readonly cloud?: boolean | undefined
  /** Archives that the cluster's registry serves. */
  readonly images?: readonly string[] | undefined
  /** Where the API listens, when somebody chose. */
  readonly bindAddress?: string | undefined
  /** More names and addresses in the API's certificate. */
  readonly addresses?: readonly string[] | undefined
}

export interface Places {
  /** Holds `<name>.json` for every cluster, and `<name>/` as default data folder. */
  readonly stateDir: string
  /** Sockets and pids, `<name>/` for each cluster. */
  readonly runDir: string
}

/** The system's folders for root, the user's own for others. */
export function places(): Places {
  const uid = process.getuid?.() ?? 0
  if (uid === 0) return { stateDir: '/var/lib/coxswain', runDir: '/run/coxswain' }
  const state = process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state')
  return { stateDir: join(state, 'coxswain'), runDir: join(process.env['XDG_RUNTIME_DIR'] ?? '/tmp', `coxswain-${uid}`) }
}

/** What is known of the cluster; undefined when there is none of that name. */
export function readRecord(stateDir: string, name: string): ClusterRecord | undefined {
  const file = join(stateDir, `${name}.json`)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ClusterRecord) : undefined
}

export function writeRecord(stateDir: string, record: ClusterRecord): void {
  mkdirSync(stateDir, { recursive: true })
  const file = join(stateDir, `${record.name}.json`)
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

export function removeRecord(stateDir: string, name: string): void {
  rmSync(join(stateDir, `${name}.json`), { force: true })
}
