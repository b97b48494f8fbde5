/** `coxswain up`: a cluster on this machine that goes on in the background. hack/up installs what it needs and calls it. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { extname, join, resolve } from 'node:path'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { UpError, bringUp } from '../cluster/hosts/bring-up.ts'
import { stopHosts } from '../cluster/hosts/hosts.ts'
import { places } from '../cluster/hosts/locate.ts'
import { defaultClusterName, whyBadName } from '../cluster/hosts/plan-hosts.ts'
import { type Upstream, swappable } from '../cluster/hosts/programs.ts'
import { type Command, type FlagValues, type Invocation, UsageError } from './command.ts'
import { clientFromKubeconfig, untilSignalled } from './component.ts'
import { upFlags } from './flags/up.ts'

export const command: Command = {
  name: 'up',
  summary: 'Start a cluster on this machine: control plane and nodes',
  description: [
    'Starts a cluster and returns when it is ready; it goes on in the background (with --foreground it ends with this program).',
    'Run again, it starts what is missing: state survives.',
    '', 'Examples:', '  coxswain up --nodes 2', '  coxswain up --simulate --nodes 100 --name big --kubeconfig big.yaml',
  ].join('\n'),
  flags: upFlags,
  run,
}

async function run({ flags, stdout, stderr }: Invocation): Promise<number> {
  const name = flags.string('name')!
  const bad = whyBadName(name)
  if (bad !== undefined) throw new UsageError(bad)
  const nodes = flags.number('nodes')
  if (nodes !== undefined && nodes < 1) throw new UsageError('--nodes: a cluster has at least one node')
  const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
  const simulate = flags.bool('simulate') || !isRoot
  if (!isRoot && !flags.bool('simulate')) stderr('up: real nodes need root on Linux; nodes are simulated\n')
  const programFolder = resolve(flags.string('upstream-bin') ?? join(process.env['COXSWAIN_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'coxswain'), 'upstream'))
  const upstream = upstreamFrom(flags, simulate, programFolder)
  if (flags.bool('ha') && upstream !== undefined) throw new UsageError('--ha and --upstream exclude each other')
  if (flags.bool('ha') && !isRoot) throw new UsageError('--ha: network namespaces need root on Linux')
  const images = flags.list('images').map((file) => resolve(file))
  const missing = images.find((file) => !existsSync(file))
  if (missing !== undefined) throw new UsageError(`--images: ${missing} does not exist`)
  const cloud = flags.string('cloud-provider')!
  if (cloud !== 'local' && cloud !== 'none') throw new UsageError(`--cloud-provider: ${JSON.stringify(cloud)} is neither local nor none`)
  const family = flags.string('ip-family')!
  if (family !== 'ipv4' && family !== 'dual') throw new UsageError(`--ip-family: ${JSON.stringify(family)} is neither ipv4 nor dual`)
  const env = createSystemEnv({ log: createLogger({ level: 'error', name: 'up' }) })
  const started = env.clock.monotonic()
  // Watched from the start, so that who is told to end while starting does it in order.
  const over = new AbortController()
  const ended = flags.bool('foreground') ? untilSignalled(over.signal) : undefined
  try {
    const { record, plan } = await bringUp(env, {
      name, nodes, simulate, ...(flags.bool('ha') ? { members: 3 } : {}), roll: flags.bool('roll'), ...(flags.given('cloud-provider') ? { cloud: cloud === 'local' } : {}), ...(flags.given('ip-family') ? { dualStack: family === 'dual' } : {}), programFolder, ...(upstream === undefined ? {} : { upstream }), ...(images.length === 0 ? {} : { images }), port: flags.number('port'), places: places(),
      bindAddress: flags.string('bind-address'), addresses: flags.given('address') ? flags.list('address') : undefined,
      dataDir: absolute(flags.string('data')), kubeconfig: absolute(flags.string('kubeconfig')), defaultKubeconfig: join(homedir(), '.kube', `${name}.yaml`),
      coxswain: [process.execPath, ...process.execArgv, join(import.meta.dirname, `main${extname(import.meta.filename)}`)],
      connect: (file) => clientFromKubeconfig(file, env, 'coxswain-up'),
      progress: (text) => stderr(`up: ${((env.clock.monotonic() - started) / 1000).toFixed(1).padStart(5)} s  ${text}\n`),
    })
    stdout(usage(name, record.kubeconfig, plan.apiPort, record.nodes, record.simulate, flags.bool('foreground')))
    if (ended !== undefined) {
      await ended
      await stopHosts(plan, { purge: false, progress: (text) => stderr(`up: ${text}\n`) })
    }
    return 0
  } catch (error) {
    if (!(error instanceof UpError)) throw error
    stderr(`error: ${error.message}\n`)
    return 1
  } finally {
    over.abort()
    await env.tasks.stop()
  }
}

function upstreamFrom(flags: FlagValues, simulate: boolean, folder: string): Upstream | undefined {
  const named = flags.list('upstream')
  if (named.length === 0) return undefined
  if (simulate) throw new UsageError('--upstream: needs real nodes, and with them root on Linux')
  const unknown = named.find((name) => !(swappable as readonly string[]).includes(name))
  if (unknown !== undefined) throw new UsageError(`--upstream: ${unknown} is none of ${swappable.join(', ')}`)
  const components = swappable.filter((name) => named.includes(name))
  const missing = components.filter((name) => !existsSync(join(folder, name)))
  if (missing.length > 0) throw new UsageError(`--upstream: ${folder} has no ${missing.join(', ')}; build with hack/upstream ${missing.join(' ')}`)
  return { components, folder }
}

function usage(name: string, kubeconfig: string, port: number, nodes: number, simulate: boolean, foreground: boolean): string {
  // From the npm package there is no hack/ folder.
  const [self, down] = import.meta.filename.endsWith('.ts') ? ['hack/coxswain', 'hack/down'] : ['coxswain', 'coxswain down']
  const option = name === defaultClusterName ? '' : ` --name ${name}`
  return [
    `Cluster ${name} is ready: ${nodes} ${simulate ? 'simulated ' : ''}node${nodes === 1 ? '' : 's'}, API at https://127.0.0.1:${port}`,
    '', 'Use it:', `  export KUBECONFIG=${kubeconfig}`, '  kubectl get nodes',
    ...(simulate ? [] : ['', 'Without a registry, images come from files:', `  ${self} image make --from-file /bin/busybox example.org/busybox:1 -o busybox.tar`, `  ${self} image load busybox.tar${option}`]),
    '', foreground ? 'Stop it: end this program (Ctrl-C).' : `Stop it: ${down}${option}    Forget it: ${down}${option} --purge`, '',
  ].join('\n')
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path)
}
