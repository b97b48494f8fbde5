import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { HostMounts } from './contract.ts'

const run = promisify(execFile)

/** Mount points escape blanks as octal in /proc. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** mount(8) and umount(8): Node has no system call for them. */
export const systemMounts: HostMounts = {
  async tmpfs(path, { sizeBytes }) {
    const options = sizeBytes === undefined ? [] : ['-o', `size=${sizeBytes}`]
    await run('mount', ['-t', 'tmpfs', ...options, 'tmpfs', path])
  },
  async bind(source, target) {
    await run('mount', ['--bind', source, target])
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
