/**
 * `coxswain test-env`: what envtest (controller-runtime) expects in KUBEBUILDER_ASSETS. Its kube-apiserver keeps state in
 * memory and may bring controllers, a scheduler and simulated nodes along; its etcd is another store, which it does not use.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join, resolve } from 'node:path'
import { readText } from '../apiserver/http/files.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { type Command, type Flag, type Invocation, UsageError } from './command.ts'
import { untilSignalled } from './component.ts'
import { apiserverFlags } from './flags/apiserver.ts'
import { etcdFlags } from './flags/etcd.ts'

const ownFlags: readonly Flag[] = [
  { name: 'controllers', type: 'bool', help: 'With all controllers and the scheduler, which envtest does not have' },
  { name: 'nodes', type: 'int', default: 0, help: 'With --controllers: simulated nodes on which pods run' },
]

export const command: Command = {
  name: 'test-env',
  summary: 'Programs in the place of envtest\'s kube-apiserver and etcd (KUBEBUILDER_ASSETS)',
  description: 'Examples:\n  export KUBEBUILDER_ASSETS=$(coxswain test-env setup)\n  export KUBEBUILDER_ASSETS=$(coxswain test-env setup --controllers --nodes 3)\n  go test ./...',
  commands: [
    {
      name: 'setup', summary: 'Write the programs into a folder and print its path', run: setup,
      flags: [{ name: 'dir', type: 'string', default: './coxswain-test-env', help: 'The folder; made if it is missing' }, ...ownFlags],
    },
    // envtest asks --help which flags there are.
    { name: 'kube-apiserver', summary: 'What envtest runs as kube-apiserver', flags: [...apiserverFlags.filter(({ effect }) => effect !== 'refused'), ...ownFlags], run: runServer },
    { name: 'etcd', summary: 'What envtest runs as etcd', flags: etcdFlags, run: runEtcd },
  ],
}

async function setup({ flags, stdout }: Invocation): Promise<number> {
  const dir = resolve(flags.string('dir')!)
  const nodes = flags.number('nodes')!
  if (nodes > 0 && !flags.bool('controllers')) throw new UsageError('--nodes goes with --controllers')
  mkdirSync(dir, { recursive: true })
  const own = [process.execPath, ...process.execArgv, join(import.meta.dirname, `main${extname(import.meta.filename)}`)]
  const program = (name: string, words: readonly string[]) => {
    const line = [...own, 'test-env', name, ...words].map((word) => `'${word.replaceAll('\'', '\'\\\'\'')}'`).join(' ')
    writeFileSync(join(dir, name), `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o755 })
    if (process.platform === 'win32') writeFileSync(join(dir, `${name}.cmd`), `@${line.replaceAll('\'', '"')} %*\r\n`)
  }
  program('kube-apiserver', flags.bool('controllers') ? ['--controllers', `--nodes=${nodes}`] : [])
  program('etcd', [])
  stdout(`${dir}\n`)
  return 0
}

async function runServer({ flags }: Invocation): Promise<number> {
  // Loaded here: envtest asks for help, and for an etcd, which need none of it.
  const [{ createMemoryStore }, { startControlPlane }, { createHollowNodes, hollowNodeSpecs }, { optionsFrom }] = await Promise.all([
    import('../apiserver/storage/memory/memory.ts'), import('../cluster/control-plane.ts'), import('../sim/nodes/hollow-nodes.ts'), import('./apiserver.ts'),
  ])
  const env = createSystemEnv({ log: createLogger({ level: 'error', name: 'test-env' }) })
  const certDir = flags.string('cert-dir')
  // envtest has made the certificate, and trusts nothing else; what we lack is made beside it, to be taken away again.
  const cert = certDir === undefined ? undefined : readText(join(certDir, 'apiserver.crt'))
  const key = certDir === undefined ? undefined : readText(join(certDir, 'apiserver.key'))
  const folder = mkdtempSync(join(tmpdir(), 'coxswain-test-env-'))
  try {
    const { options, pki } = optionsFrom(flags, folder)
    const { etcd: _etcd, hostName: _name, ...rest } = options
    const withControllers = flags.bool('controllers')
    const plane = await startControlPlane(env, {
      apiserver: { ...rest, store: createMemoryStore({ clock: env.clock }), ...(cert === undefined || key === undefined ? {} : { tls: { cert, key } }) },
      scheduler: withControllers,
      controllers: withControllers && { rootCA: pki.ca.cert, clusterSigningCert: pki.ca.cert, clusterSigningKey: pki.ca.key, clusterCIDRs: ['10.244.0.0/16'], serviceCIDRs: options.serviceClusterIPRanges },
    })
    const nodes = flags.number('nodes')!
    if (withControllers && nodes > 0) {
      await plane.add(createHollowNodes(env, (node) => plane.client(`system:node:${node}`, ['system:masters']), { nodes: hollowNodeSpecs(nodes), informers: plane.informers }))
    }
    await untilSignalled()
    await plane.stop()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return 0
}

/** The server beside it has its own store; this one is for whoever wants an etcd. */
async function runEtcd({ flags }: Invocation): Promise<number> {
  const [{ createEtcdServer }, { createMemoryStore }] = await Promise.all([import('../apiserver/storage/server/server.ts'), import('../apiserver/storage/memory/memory.ts')])
  const env = createSystemEnv({ log: createLogger({ level: 'error', name: 'etcd' }) })
  const addresses = flags.list('listen-client-urls').map((url) => new URL(url).host.replace(/^localhost:/, '127.0.0.1:'))
  const store = createMemoryStore({ clock: env.clock })
  const server = createEtcdServer({ store, clock: env.clock, name: 'default', addresses })
  await server.start()
  await untilSignalled()
  await server.stop()
  await store.close()
  return 0
}
