import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { HostMounts } from './contract.ts'

const run = promisify(execFile)

/** Mount points escape blanks as octal in /proc. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

const optionWords = (options: readonly string[]): string[] => (options.length === 0 ? [] : ['-o', options.join()])

async function mount(words: readonly string[]): Promise<void> {
  try {
    await run('mount', [...words])
  } catch (error) {
    const { stderr = '', code } = error as { stderr?: string; code?: number }
    throw new Error(`mount failed: exit status ${code}\nMounting command: mount\nMounting arguments: ${words.join(' ')}\nOutput: ${stderr}`, { cause: error })
  }
}

/** blkid(8) ends with 2 when it finds nothing. */
async function hasFileSystem(device: string): Promise<boolean> {
  try {
    await run('blkid', ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', device])
    return true
  } catch (error) {
    if ((error as { code?: number }).code === 2) return false
    throw error
  }
}

/** mount(8) and umount(8): Node has no system call for them. */
export const systemMounts: HostMounts = {
  async tmpfs(path, { sizeBytes }) {
    const options = sizeBytes === undefined ? [] : ['-o', `size=${sizeBytes}`]
    await mount(['-t', 'tmpfs', ...options, 'tmpfs', path])
  },
  async bind(source, target) {
    // Not made canonical: the source may be a file that is held open, /proc/<pid>/fd/<n>.
    await mount(['--no-canonicalize', '--bind', source, target])
  },
  mount: (source, target, type, options) => mount(['-t', type, ...optionWords(options), source, target]),
  async formatAndMount(device, target, fsType, options) {
    if (!options.includes('ro') && !(await hasFileSystem(device))) {
      await run(`mkfs.${fsType}`, fsType.startsWith('ext') ? ['-F', '-m0', device] : [device])
    }
    await mount(['-t', fsType, ...optionWords(options), device, target])
  },
  async unmount(path) {
    await run('umount', [path])
  },
  async below(path) {
    const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
    const points = lines.map((line) => unescape(line.split(' ')[4] ?? '')).filter((point) => point === path || point.startsWith(`${path}/`))
    return points.sort((a, b) => b.length - a.length)
  },
}
