/** Network namespaces of programs under measurement, each with a link to this one and nothing else. */
import { execFileSync } from 'node:child_process'

export interface Namespace {
  readonly name: string
  /** This side's address of the link: where a server of ours is reached from inside. */
  readonly outside: string
  readonly inside: string
  /** What comes before a command that is to run inside. */
  readonly enter: readonly string[]
  remove(): void
}

const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' })

/** Link number `index` (0 to 63) of this process; its addresses are link-local. */
export function createNamespace(label: string, index: number): Namespace {
  const name = `cxb${process.pid}-${label}`
  const link = `cxb${process.pid % 100_000}n${index}`
  const [outside, inside] = [`169.254.213.${4 * index + 1}`, `169.254.213.${4 * index + 2}`]
  ip('netns', 'add', name)
  try {
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    ip('address', 'add', `${outside}/30`, 'dev', link)
    ip('link', 'set', link, 'up')
    ip('-n', name, 'link', 'set', 'lo', 'up')
    ip('-n', name, 'address', 'add', `${inside}/30`, 'dev', 'eth0')
    ip('-n', name, 'link', 'set', 'eth0', 'up')
    ip('-n', name, 'route', 'add', 'default', 'via', outside)
  } catch (error) {
    ip('netns', 'delete', name)
    throw error
  }
  return { name, outside, inside, enter: ['nsenter', `--net=/run/netns/${name}`, '--'], remove: () => ip('netns', 'delete', name) }
}
