/** The containerd of a node: its files, and what it leaves behind when it is to be forgotten. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectCri } from '../../kubelet/cri/grpc.ts'
import { loadImage, makePauseImage, pauseImageName } from '../images/index.ts'
import type { NodePlan } from './plan-hosts.ts'
import { renderContainerdConfig } from './render.ts'
import { run, tryRun } from './run.ts'

const overlayMagic = 0x794c7630

/** Folders, config.toml, and whom to ask before an image's own registry. */
export function writeContainerdFiles(node: NodePlan, mirror?: string): void {
  const dirs = [
    node.containerd.root, node.containerd.state, dirname(node.containerd.socket), node.cni.confDir, node.cni.ipamDir,
    node.registryDir, node.kubelet.root, node.kubelet.podLogs,
  ]
  for (const dir of dirs) mkdirSync(dir, { recursive: true })
  const snapshotter = statfsSync(node.containerd.root).type === overlayMagic ? 'native' : 'overlayfs'
  if (mirror !== undefined) {
    const folder = join(node.registryDir, '_default')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'hosts.toml'), `[host.${JSON.stringify(mirror)}]\n  capabilities = ["pull", "resolve"]\n`)
  }
  writeFileSync(node.containerd.config, renderContainerdConfig(node, { pauseImage: pauseImageName, snapshotter }))
}

/** Resolves when containerd answers and has the image that every pod needs. Fails after `timeoutMs`. */
export async function untilContainerdReady(node: NodePlan, timeoutMs: number): Promise<void> {
  const started = performance.now()
  while ((await tryRun('ctr', ['--address', node.containerd.socket, 'version'])) === undefined) {
    if (performance.now() - started > timeoutMs) throw new Error(`containerd of ${node.name} does not answer on ${node.containerd.socket}`)
    await sleep(100)
  }
  const images = await run('ctr', ['--address', node.containerd.socket, '--namespace', 'k8s.io', 'images', 'list', '--quiet'])
  if (images.split('\n').includes(pauseImageName)) return
  const file = join(dirname(node.containerd.socket), 'pause.tar')
  writeFileSync(file, makePauseImage())
  await loadImage(node.containerd.socket, file)
  rmSync(file)
}

/** Stops every pod of the node, and with `remove` forgets them; what containerd cannot do is done by removeRuntimeState. */
export async function stopPods(node: NodePlan, remove: boolean): Promise<void> {
  if (!existsSync(node.containerd.socket)) return
  const cri = connectCri(node.containerd.socket)
  try {
    const sandboxes = await cri.runtime.listPodSandbox()
    await Promise.all(sandboxes.map(async ({ id }) => {
      await cri.runtime.stopPodSandbox(id)
      if (remove) await cri.runtime.removePodSandbox(id)
    }))
  } finally {
    cri.close()
  }
}

/** Ends shims that outlived containerd, and removes their mounts and network namespaces. For after containerd ended. */
export async function removeRuntimeState(node: NodePlan): Promise<void> {
  const namespaces = sandboxNamespaces(node)
  for (const pid of shimsOf(node.containerd.socket)) process.kill(pid, 'SIGKILL')
  for (const target of mountsBelow([dirname(node.containerd.state), dirname(node.containerd.root)])) await tryRun('umount', ['-l', target])
  for (const path of namespaces) {
    await tryRun('umount', ['-l', path])
    rmSync(path, { force: true })
  }
}

/** Network namespaces that CNI made for pods that still have a bundle. */
function sandboxNamespaces(node: NodePlan): string[] {
  const tasks = join(node.containerd.state, 'io.containerd.runtime.v2.task', 'k8s.io')
  if (!existsSync(tasks)) return []
  const found = new Set<string>()
  for (const id of readdirSync(tasks)) {
    const file = join(tasks, id, 'config.json')
    if (!existsSync(file)) continue
    const spec = JSON.parse(readFileSync(file, 'utf8')) as { linux?: { namespaces?: { type: string; path?: string }[] } }
    const path = spec.linux?.namespaces?.find(({ type }) => type === 'network')?.path
    if (path?.includes('/netns/cni-') === true) found.add(path)
  }
  return [...found]
}

function shimsOf(socket: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      return words[0]!.includes('containerd-shim') && words[words.indexOf('-address') + 1] === socket
    } catch {
      return false
    }
  })
}

/** Mount points below the folders, the deepest and newest first. */
export function mountsBelow(dirs: readonly string[], mounts = readFileSync('/proc/self/mounts', 'utf8')): string[] {
  const targets = mounts.split('\n').map((line) => line.split(' ')[1]).filter((target) => target !== undefined)
  const plain = targets.map((target) => target.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8))))
  return plain.filter((target) => dirs.some((dir) => target.startsWith(`${dir}/`))).reverse()
}
