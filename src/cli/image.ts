/** `coxswain image make`, `load` and `serve`: images where no registry can be reached. */
import { lstatSync, readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { places, readRecord } from '../cluster/hosts/locate.ts'
import { planHosts } from '../cluster/hosts/plan-hosts.ts'
import { type TarEntry, baseFiles, busyboxFiles, createRegistry, fullImageName, imageArchitecture, loadImage, makeImage } from '../cluster/images/index.ts'
import { type Command, type Invocation, UsageError } from './command.ts'
import { untilSignalled } from './component.ts'
import { loadFlags, makeFlags, serveFlags } from './flags/image.ts'

export const command: Command = {
  name: 'image',
  summary: 'Make container images from local files and load them into nodes',
  commands: [
    {
      name: 'make', arguments: 'NAME[:TAG]...', flags: makeFlags, run: make,
      summary: 'Write an image archive (OCI and docker layout in one tar) from local files',
      description: 'Example: coxswain image make --from-file /bin/busybox busybox:1 -o busybox.tar',
    },
    {
      name: 'load', arguments: 'FILE...', flags: loadFlags, run: load,
      summary: 'Put image archives into every node of a cluster',
      description: 'Example: coxswain image load busybox.tar --name coxswain',
    },
    {
      name: 'serve', arguments: 'FILE...', flags: serveFlags, run: serve,
      summary: 'Be a registry that has the images of these archives, to pull from',
      description: 'Serves until it is told to end, without TLS. "coxswain up --images FILE" runs one beside a cluster whose nodes ask it first.\n\nExample: coxswain image serve busybox.tar --address 127.0.0.1:5000',
    },
  ],
}

async function make({ args, flags, stderr }: Invocation): Promise<number> {
  if (args.length === 0) throw new UsageError('name the image, for instance: coxswain image make --from-file /bin/busybox busybox:1 -o busybox.tar')
  const sources = flags.list('from-file')
  const dirs = flags.list('from-dir')
  if (sources.length + dirs.length === 0) throw new UsageError('give at least one --from-file or --from-dir')
  const added = [...sources.flatMap(fromFile), ...dirs.flatMap(fromDir)]
  const hasBusybox = sources.some((source) => basename(source.split(':')[0]!) === 'busybox')
  const entrypoint = flags.list('entrypoint')
  const cmd = flags.list('cmd')
  const env = Object.entries(flags.map('env')).map(([name, value]) => `${name}=${value}`)
  const program = added.find((file) => file.content !== undefined && (file.mode ?? 0) & 0o100)
  const archive = makeImage({
    names: args, files: [...baseFiles(), ...added], architecture: imageArchitecture(),
    entrypoint: entrypoint.length > 0 ? entrypoint : hasBusybox || program === undefined ? undefined : [`/${program.name.replace(/^\/+/, '')}`],
    cmd: cmd.length > 0 ? cmd : hasBusybox && entrypoint.length === 0 ? ['sh'] : undefined,
    env: env.length > 0 ? ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env] : undefined,
    user: flags.string('user'), workingDir: flags.string('workdir'),
  })
  const output = flags.string('output')!
  writeFileSync(output === '-' ? 1 : output, archive)
  if (output !== '-') stderr(`wrote ${args.map(fullImageName).join(', ')} to ${output}\n`)
  return 0
}

/** "SOURCE" goes to /bin, "SOURCE:/path" where it says. */
function fromFile(text: string): TarEntry[] {
  const [source, target] = splitTarget(text)
  const stat = statOf(source)
  if (!stat.isFile()) throw new UsageError(`--from-file ${source} is not a file; use --from-dir for a folder`)
  if (target === undefined && basename(source) === 'busybox') return busyboxFiles(source)
  return [{ name: target ?? `bin/${basename(source)}`, content: readFileSync(source), mode: stat.mode & 0o7777 }]
}

function fromDir(text: string): TarEntry[] {
  const [source, target = '/'] = splitTarget(text)
  if (!statOf(source).isDirectory()) throw new UsageError(`--from-dir ${source} is not a folder`)
  const walk = (path: string, name: string): TarEntry[] => {
    const stat = lstatSync(path)
    const mode = stat.mode & 0o7777
    if (stat.isSymbolicLink()) return [{ name, linkTo: readlinkSync(path) }]
    if (stat.isFile()) return [{ name, content: readFileSync(path), mode }]
    if (!stat.isDirectory()) return []
    return [{ name, mode }, ...readdirSync(path).sort().flatMap((child) => walk(join(path, child), `${name}/${child}`))]
  }
  return readdirSync(source).sort().flatMap((child) => walk(join(source, child), `${target.replace(/\/+$/, '')}/${child}`))
}

function splitTarget(text: string): [string, string | undefined] {
  const colon = text.indexOf(':/')
  return colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)]
}

function statOf(path: string) {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw new UsageError(`${path} does not exist`)
  return stat
}

async function load({ args, flags, stdout }: Invocation): Promise<number> {
  if (args.length === 0) throw new UsageError('name the archive that "coxswain image make -o FILE" wrote')
  for (const file of args) statOf(file)
  const name = flags.string('name')!
  const { stateDir, runDir } = places()
  const record = readRecord(stateDir, name)
  if (record === undefined) throw new UsageError(`there is no cluster named ${name} on this machine (coxswain up --name ${name} makes it)`)
  if (record.simulate) {
    stdout(`the nodes of ${name} are simulated: every image is there already\n`)
    return 0
  }
  const plan = planHosts({ ...record, runDir: join(runDir, name) })
  for (const node of plan.nodes) {
    for (const file of args) {
      const names = await loadImage(node.containerd.socket, file)
      stdout(`${node.name}: ${names.join(', ')}\n`)
    }
  }
  return 0
}

async function serve({ args, flags, stderr }: Invocation): Promise<number> {
  if (args.length === 0) throw new UsageError('name the archives to serve, as "coxswain image make -o FILE" wrote them')
  for (const file of args) statOf(file)
  const address = flags.string('address')!
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? []
  if (host === undefined) throw new UsageError(`--address: ${JSON.stringify(address)} must be ADDRESS:PORT`)
  const server = await createRegistry(args)
  await new Promise<void>((done, fail) => server.once('error', fail).listen(Number(port), host.replace(/^\[|\]$/g, ''), done))
  stderr(`image: serving ${args.join(', ')} at http://${address}\n`)
  await untilSignalled()
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
  return 0
}
