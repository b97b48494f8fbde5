/** nft(8): transactions through its standard input. */
import { spawn } from 'node:child_process'
import type { PacketFilter } from '../../packet-filter.ts'
import { tableName } from '../write.ts'

/** The packet filter of the network namespace that this process is in, or that the words before the program enter. */
export function createNft(enter: readonly string[] = []): PacketFilter {
  const program = [...enter, 'nft']
  return {
    async apply(transaction) {
      const { code, stderr } = await runNft(program, ['-f', '-'], transaction)
      if (code !== 0) throw new Error(`nft refused the rules: ${stderr.trim().split('\n').slice(0, 6).join('\n')}`)
    },
    async existing(family, table = tableName) {
      const words = family === 'IPv4' ? ['ip', table] : ['ip6', table]
      const { code, stdout, stderr } = await runNft(program, ['--terse', '--json', 'list', 'table', ...words])
      if (code !== 0) {
        if (stderr.includes('No such file or directory')) return undefined
        throw new Error(`nft could not list the table: ${stderr.trim()}`)
      }
      return parseListing(stdout)
    },
    async hasRules(family, chain, table = tableName) {
      const { code, stdout, stderr } = await runNft(program, ['--terse', 'list', 'chain', family === 'IPv4' ? 'ip' : 'ip6', table, chain])
      if (code === 0) return stdout.trim().split('\n').length > 4
      if (stderr.includes('No such file or directory')) return false
      throw new Error(`nft could not list a chain: ${stderr.trim()}`)
    },
  }
}

/** Names of chains and sets (not maps) in nft's JSON listing. */
export function parseListing(text: string): { chains: string[]; sets: string[] } {
  const { nftables } = JSON.parse(text) as { nftables: { chain?: { name: string }; set?: { name: string } }[] }
  return {
    chains: nftables.flatMap(({ chain }) => (chain === undefined ? [] : [chain.name])),
    sets: nftables.flatMap(({ set }) => (set === undefined ? [] : [set.name])),
  }
}

function runNft([program, ...before]: readonly string[], args: readonly string[], input?: string): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program!, [...before, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? new Error(`there is no ${program}: install Debian's nftables`) : error))
    child.on('close', (code) => resolve({ code: code ?? 1, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }))
    // When nft gives up early the rest of the input has no reader; its own message says why.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input ?? '')
  })
}
