/** A containerd of one's own for tests: root, state, socket, CNI configuration and images in a temporary directory. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectCri } from '../cri/grpc.ts'
import { type Cri, isCriNotFound } from '../cri/contract.ts'
import { writeBusyboxImage } from './oci-image.ts'

export const busyboxImage = 'coxswain.test/busybox:1'
export const pauseImage = 'coxswain.test/pause:1'

export interface TestContainerd {
  readonly dir: string
  readonly socket: string
  readonly cri: Cri
  /** "10.199.7.0/24". */
  readonly podCidr: string
  /** Removes all pods, ends the daemon and its files. */
  stop(): Promise<void>
}

/** Why containers cannot be run here; undefined when they can. */
export function whyNoContainerd(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  for (const file of ['/usr/bin/containerd', '/usr/sbin/runc', '/usr/lib/cni/ptp', '/usr/lib/cni/host-local', '/bin/busybox']) {
    if (!existsSync(file)) return `needs ${file}`
  }
  return undefined
}

/** Starts it, waits until it answers, and imports the busybox and pause images. */
export async function startContainerd(): Promise<TestContainerd> {
  const dir = mkdtempSync(join(tmpdir(), 'cxcd-'))
  const socket = join(dir, 'c.sock')
  const podCidr = `10.199.${process.pid % 250}.0/24`
  writeConfiguration(dir, socket, podCidr)
  const log = openSync(join(dir, 'log'), 'a')
  const child = spawn('/usr/bin/containerd', ['--config', join(dir, 'config.toml')], { stdio: ['ignore', log, log] })
  const cri = connectCri(socket)
  for (let tries = 0; ; tries++) {
    try {
      await cri.runtime.version()
      break
    } catch (error) {
      if (tries > 100 || child.exitCode !== null) throw new Error(`containerd did not start: ${readFileSync(join(dir, 'log'), 'utf8').slice(-2000)}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  importImage(dir, socket, 'busybox', { tags: [busyboxImage], cmd: ['sh'] })
  importImage(dir, socket, 'pause', { tags: [pauseImage], entrypoint: ['/bin/busybox', 'sleep', 'infinity'] })
  return { dir, socket, cri, podCidr, stop: () => stop(child, cri, dir) }
}

/** Makes a busybox image under more names, or with another entrypoint, and imports it. */
export function importImage(dir: string, socket: string, name: string, options: Parameters<typeof writeBusyboxImage>[1]): void {
  const file = join(dir, `${name}.tar`)
  writeBusyboxImage(file, options)
  execFileSync('/usr/bin/ctr', ['--address', socket, '-n', 'k8s.io', 'images', 'import', file], { stdio: 'pipe' })
}

function writeConfiguration(dir: string, socket: string, podCidr: string): void {
  const cni = join(dir, 'cni')
  mkdirSync(cni)
  const ipam = { type: 'host-local', ranges: [[{ subnet: podCidr }]], routes: [{ dst: '0.0.0.0/0' }], dataDir: join(dir, 'ipam') }
  writeFileSync(join(cni, '10-test.conflist'), JSON.stringify({
    cniVersion: '0.4.0', name: 'test', plugins: [{ type: 'ptp', ipMasq: false, ipam }, { type: 'portmap', capabilities: { portMappings: true } }],
  }))
  writeFileSync(join(dir, 'config.toml'), `version = 2
root = "${dir}/root"
state = "${dir}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${cni}"
`)
}

async function stop(child: ChildProcess, cri: Cri, dir: string): Promise<void> {
  for (const sandbox of await cri.runtime.listPodSandbox()) {
    try {
      await cri.runtime.stopPodSandbox(sandbox.id)
      await cri.runtime.removePodSandbox(sandbox.id)
    } catch (error) {
      if (!isCriNotFound(error)) throw error
    }
  }
  cri.close()
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n').reverse()) {
    const target = line.split(' ')[1]
    if (target?.startsWith(`${dir}/`)) execFileSync('umount', ['-l', target])
  }
  rmSync(dir, { recursive: true, force: true })
}
