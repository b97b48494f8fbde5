/** Starts upstream's kube-apiserver (with etcd) and ours on loopback, with one token, to be compared. */
import { spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort } from '../../src/client/testing/free-port.ts'
import { request } from './client.ts'

export interface Server {
  readonly name: string
  readonly url: string
}

export const token = 'differential'

class Processes {
  readonly #running = new Map<string, ChildProcess>()
  start(name: string, command: string, args: readonly string[], directory: string): void {
    const log = openSync(join(directory, `${name}.log`), 'w')
    const child = spawn(command, args, { stdio: ['ignore', log, log] })
    child.on('error', (error) => console.error(`${name}: ${error.message}`))
    this.#running.set(name, child)
  }
  /** Ends one in good order. */
  async end(name: string): Promise<void> {
    const child = this.#running.get(name)
    this.#running.delete(name)
    if (child === undefined || child.exitCode !== null) return
    const ended = new Promise((done) => child.once('exit', done))
    child.kill('SIGTERM')
    await ended
  }
  stop(): void {
    for (const child of this.#running.values()) child.kill('SIGKILL')
  }
}

async function ready(server: Server): Promise<void> {
  const end = Date.now() + 60_000
  while (Date.now() < end) {
    const answer = await request(server.url, token, 'GET', '/readyz').catch(() => undefined)
    if (answer?.code === 200) return
    await new Promise((done) => setTimeout(done, 200))
  }
  throw new Error(`${server.name} is not ready`)
}

/** What both are told: every version and the gates as they are by default. */
const shared = [
  '--runtime-config=api/all=true', '--feature-gates=ClusterTrustBundle=true,PodCertificateRequest=true,GenericWorkload=true,StorageVersionMigrator=true', '--service-cluster-ip-range=10.96.0.0/16', '--service-account-issuer=https://kubernetes.default.svc',
]

/** A folder with what the servers share, and the programs that run in it. */
export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), 'differential-'))
  readonly processes = new Processes()
  readonly #bin = join(homedir(), '.cache/coxswain/upstream')
  readonly #tokens = join(this.directory, 'tokens.csv')
  readonly #key = join(this.directory, 'sa.key')
  readonly #shared: readonly string[]

  /**
   * `users`: names besides the administrator's, each its own token, who may what RBAC says; without them everybody may
   * everything. `more`: flags of both servers, how they authorize among them.
   */
  constructor(users: readonly string[] = [], more: readonly string[] = [`--authorization-mode=${users.length === 0 ? 'AlwaysAllow' : 'RBAC'}`]) {
    this.#shared = [...shared, ...more]
    writeFileSync(this.#tokens, `${token},admin,admin,"system:masters"\n${users.map((name) => `${name},${name},,\n`).join('')}`)
    const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
    writeFileSync(this.#key, keys.privateKey.export({ type: 'pkcs1', format: 'pem' }))
  }

  /** Answers its URL. `name`: of the process and its folder. */
  async etcd(name = 'etcd'): Promise<string> {
    const [port, peerPort] = await Promise.all([freePort(), freePort()])
    const url = `http://127.0.0.1:${port}`
    this.processes.start(name, join(this.#bin, 'etcd'), [
      '--data-dir', join(this.directory, name), '--listen-client-urls', url, '--advertise-client-urls', url,
      '--listen-peer-urls', `http://127.0.0.1:${peerPort}`, '--unsafe-no-fsync',
    ], this.directory)
    return url
  }

  /** `more`: further flags. */
  async theirs(etcdUrl: string, more: readonly string[] = []): Promise<Server> {
    const port = await freePort()
    this.processes.start('kube-apiserver', join(this.#bin, 'kube-apiserver'), [
      ...this.#shared, '--allow-privileged', `--etcd-servers=${etcdUrl}`, `--secure-port=${port}`, '--bind-address=127.0.0.1',
      `--cert-dir=${join(this.directory, 'their-certs')}`, `--token-auth-file=${this.#tokens}`, `--service-account-key-file=${this.#key}`,
      `--service-account-signing-key-file=${this.#key}`, ...more,
    ], this.directory)
    return { name: 'theirs', url: `https://127.0.0.1:${port}` }
  }

  /** On a store of its own, or on an etcd. */
  async ours(etcdUrl?: string, more: readonly string[] = []): Promise<Server> {
    const port = await freePort()
    const data = join(this.directory, 'data')
    mkdirSync(data, { recursive: true })
    this.processes.start('coxswain', process.execPath, [
      resolve(import.meta.dirname, '../../src/cli/main.ts'), 'apiserver', ...this.#shared, etcdUrl === undefined ? `--data-dir=${data}` : `--etcd-servers=${etcdUrl}`,
      `--secure-port=${port}`, '--bind-address=127.0.0.1', `--cert-dir=${join(this.directory, 'our-certs')}`, `--token-auth-file=${this.#tokens}`, ...more,
    ], this.directory)
    return { name: 'ours', url: `https://127.0.0.1:${port}` }
  }

  /** Waits for servers; throws when one does not get ready, and then leaves the logs. */
  async ready(...servers: readonly Server[]): Promise<void> {
    try {
      await Promise.all(servers.map(ready))
    } catch (error) {
      this.processes.stop()
      throw new Error(`see the logs in ${this.directory}`, { cause: error })
    }
  }

  stop(): void {
    this.processes.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Runs both; `stop` ends them and removes what they stored. */
export async function startServers(users: readonly string[] = [], more?: readonly string[]): Promise<{ ours: Server; theirs: Server; stop(): void }> {
  const workshop = new Workshop(users, more)
  const etcdUrl = await workshop.etcd()
  const [ours, theirs] = await Promise.all([workshop.ours(), workshop.theirs(etcdUrl)])
  await workshop.ready(ours, theirs)
  return { ours, theirs, stop: () => workshop.stop() }
}
