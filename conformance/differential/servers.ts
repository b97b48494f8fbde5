/** Starts upstream's kube-apiserver (with etcd) and ours on loopback, with one token, to be compared. */
import { spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { request } from './client.ts'

export interface Server {
  readonly name: string
  readonly url: string
}

export const token = 'differential'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

class Processes {
  readonly #running: ChildProcess[] = []
  start(name: string, command: string, args: readonly string[], directory: string): void {
    const log = openSync(join(directory, `${name}.log`), 'w')
    const child = spawn(command, args, { stdio: ['ignore', log, log] })
    child.on('error', (error) => console.error(`${name}: ${error.message}`))
    this.#running.push(child)
  }
  stop(): void {
    for (const child of this.#running) child.kill('SIGKILL')
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
const shared = ['--authorization-mode=AlwaysAllow', '--runtime-config=api/all=true', '--service-cluster-ip-range=10.96.0.0/16']

/** Runs both; `stop` ends them and removes what they stored. */
export async function startServers(): Promise<{ ours: Server; theirs: Server; stop(): void }> {
  const directory = mkdtempSync(join(tmpdir(), 'differential-'))
  const processes = new Processes()
  const bin = join(homedir(), '.cache/coxswain/upstream')
  const tokens = join(directory, 'tokens.csv')
  writeFileSync(tokens, `${token},admin,admin,"system:masters"\n`)
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = join(directory, 'sa.key')
  writeFileSync(key, keys.privateKey.export({ type: 'pkcs1', format: 'pem' }))
  const [etcdPort, peerPort, theirPort, ourPort] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  processes.start('etcd', join(bin, 'etcd'), [
    '--data-dir', join(directory, 'etcd'), '--listen-client-urls', `http://127.0.0.1:${etcdPort}`,
    '--advertise-client-urls', `http://127.0.0.1:${etcdPort}`, '--listen-peer-urls', `http://127.0.0.1:${peerPort}`, '--unsafe-no-fsync',
  ], directory)
  processes.start('kube-apiserver', join(bin, 'kube-apiserver'), [
    ...shared, '--allow-privileged', `--etcd-servers=http://127.0.0.1:${etcdPort}`, `--secure-port=${theirPort}`, '--bind-address=127.0.0.1',
    `--cert-dir=${join(directory, 'their-certs')}`, `--token-auth-file=${tokens}`, `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`, '--service-account-issuer=https://kubernetes.default.svc',
  ], directory)
  mkdirSync(join(directory, 'data'))
  processes.start('coxswain', process.execPath, [
    resolve(import.meta.dirname, '../../src/cli/main.ts'), 'apiserver', ...shared, `--data-dir=${join(directory, 'data')}`,
    `--secure-port=${ourPort}`, '--bind-address=127.0.0.1', `--cert-dir=${join(directory, 'our-certs')}`, `--token-auth-file=${tokens}`,
  ], directory)
  const ours = { name: 'ours', url: `https://127.0.0.1:${ourPort}` }
  const theirs = { name: 'theirs', url: `https://127.0.0.1:${theirPort}` }
  const stop = (): void => {
    processes.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await Promise.all([ready(ours), ready(theirs)])
  } catch (error) {
    processes.stop()
    throw new Error(`see the logs in ${directory}`, { cause: error })
  }
  return { ours, theirs, stop }
}
