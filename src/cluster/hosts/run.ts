/** Other programs, run to their end. */
import { execFile } from 'node:child_process'

/** Runs it and returns what it wrote. Fails with the command and its own words, or says which package has it. */
export function run(command: string, args: readonly string[], options: { input?: string } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      if (error.code === 'ENOENT') return reject(new Error(`there is no ${command} on this machine: hack/setup installs it (Debian package ${packageOf(command)})`))
      reject(new Error(`${[command, ...args].join(' ')}: ${(stderr || stdout || error.message).trim()}`))
    })
    if (options.input !== undefined) child.stdin?.end(options.input)
  })
}

/** The same, for questions: undefined when it fails. */
export async function tryRun(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return await run(command, args)
  } catch {
    return undefined
  }
}

/** Runs a shell text inside a network namespace (and nowhere else: mounts and cgroups are the machine's). */
export function runInNetns(netns: string, script: string): Promise<string> {
  return run('nsenter', [`--net=/run/netns/${netns}`, '--', '/bin/sh', '-ec', script])
}

const packages: Readonly<Record<string, string>> = {
  ip: 'iproute2', nft: 'nftables', nsenter: 'util-linux', iptables: 'iptables', conntrack: 'conntrack', containerd: 'containerd', ctr: 'containerd',
}
function packageOf(command: string): string {
  return packages[command] ?? command
}

