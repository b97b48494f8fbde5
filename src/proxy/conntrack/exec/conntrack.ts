/** conntrack(8): lists and deletes what the kernel tracks. */
import { execFile } from 'node:child_process'
import type { Family } from '../../addresses.ts'
import type { ConnectionTracking, TrackedFlow } from '../../packet-filter.ts'

export function createConntrack(program = 'conntrack'): ConnectionTracking {
  return {
    async listUdp(family) {
      return parseConntrack(await runConntrack(program, ['-L', '-p', 'udp', '-f', familyWord(family)]))
    },
    async deleteUdp(family, flows) {
      for (const flow of flows) {
        await runConntrack(program, [
          '-D', '-p', 'udp', '-f', familyWord(family), '--orig-src', flow.source, '--sport', String(flow.sourcePort),
          '--orig-dst', flow.destination, '--dport', String(flow.destinationPort),
        ])
      }
    },
  }
}

/** Lines like "udp 17 29 src=A dst=B sport=1 dport=2 [UNREPLIED] src=C dst=D sport=3 dport=4 mark=0 use=1". */
export function parseConntrack(text: string): TrackedFlow[] {
  const flows: TrackedFlow[] = []
  for (const line of text.split('\n')) {
    const fields = [...line.matchAll(/\b(src|dst|sport|dport)=(\S+)/g)].map((match) => match[2]!)
    if (!line.startsWith('udp') || fields.length < 8) continue
    const [source, destination, sourcePort, destinationPort, replySource, , replyPort] = fields
    flows.push({
      source: source!, destination: destination!, sourcePort: Number(sourcePort), destinationPort: Number(destinationPort),
      replySource: replySource!, replyPort: Number(replyPort),
    })
  }
  return flows
}

function familyWord(family: Family): string {
  return family === 'IPv4' ? 'ipv4' : 'ipv6'
}

function runConntrack(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      // It fails when a flow is gone already, which is what was wanted.
      if (error === null || stderr.includes('0 flow entries')) return resolve(stdout)
      if (error.code === 'ENOENT') return reject(new Error(`there is no ${program}: install Debian's conntrack`))
      reject(new Error(`conntrack: ${stderr.trim() || error.message}`))
    })
  })
}
