/** Our API server as a process of its own, durable by its embedded store. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, freePort, startProgram, untilReady } from './processes.ts'
import { root } from './upstream.ts'

export interface OurServer {
  readonly apiserver: Running
  readonly url: string
  readonly admin: { readonly cert: string; readonly key: string }
  readonly readyMs: number
  stop(): Promise<void>
}

/** `nodeArgs` are for profiles: --cpu-prof and the like. */
export async function startOurs(dir: string, nodeArgs: readonly string[] = []): Promise<OurServer> {
  const port = await freePort()
  const url = `https://127.0.0.1:${port}`
  const started = performance.now()
  const apiserver = startProgram('coxswain', process.execPath, [
    '--disable-warning=ExperimentalWarning', ...nodeArgs, join(root, 'src/cli/main.ts'), 'apiserver', '--data-dir', join(dir, 'data'),
    '--secure-port', String(port), '--bind-address', '127.0.0.1', '--cert-dir', join(dir, 'certs'),
  ], dir)
  const readyMs = await untilReady(`${url}/readyz`, apiserver, started)
  const pem = (name: string) => readFileSync(join(dir, 'certs', name), 'utf8')
  return { apiserver, url, readyMs, admin: { cert: pem('admin.crt'), key: pem('admin.key') }, stop: () => apiserver.stop() }
}
