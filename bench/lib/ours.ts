/** Our API server as a process of its own, durable by its embedded store, as hack/coxswain starts it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, freePort, startProgram, untilReady } from './processes.ts'
import { coxswain } from './upstream.ts'

export interface OurServer {
  readonly apiserver: Running
  readonly url: string
  readonly admin: { readonly cert: string; readonly key: string }
  readonly readyMs: number
  stop(): Promise<void>
}

/** `profiles`: a folder for node's CPU profile of the server, written when it ends. `address`: one of this machine's. */
export async function startOurs(dir: string, profiles?: string, address = '127.0.0.1'): Promise<OurServer> {
  const port = await freePort()
  const url = `https://${address}:${port}`
  const started = performance.now()
  const apiserver = startProgram('apiserver', coxswain, [
    'apiserver', '--data-dir', join(dir, 'data'), '--secure-port', String(port), '--bind-address', address, '--advertise-address', address,
    '--cert-dir', join(dir, 'certs'),
  ], dir, profiles === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles}` })
  const readyMs = await untilReady(`${url}/readyz`, apiserver, started)
  const pem = (name: string) => readFileSync(join(dir, 'certs', name), 'utf8')
  return { apiserver, url, readyMs, admin: { cert: pem('admin.crt'), key: pem('admin.key') }, stop: () => apiserver.stop() }
}
