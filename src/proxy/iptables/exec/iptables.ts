/** iptables-save(8) and iptables-restore(8). */
import { execFile, spawn } from 'node:child_process'
import type { Family } from '../../addresses.ts'

export interface IptablesPrograms {
  /** All tables, or one, as iptables-save prints them. Undefined when the programs are not installed. */
  save(table?: string): Promise<string | undefined>
  /** Runs a script of iptables-restore without touching what it does not name: all of a table's part or nothing. */
  restore(script: string): Promise<void>
  /** Whether the chain of the table is there and, unless `empty` is enough, holds rules. */
  hasChain(table: string, chain: string, empty?: boolean): Promise<boolean>
}

/** The tables of one family in the network namespace that this process is in, or that the words before the program enter. */
export function createIptables(family: Family, enter: readonly string[] = []): IptablesPrograms {
  const name = family === 'IPv4' ? 'iptables' : 'ip6tables'
  const words = (program: string, ...args: string[]): [string, string[]] => {
    const [first, ...rest] = [...enter, program, ...args]
    return [first!, rest]
  }
  return {
    save: (table) => new Promise((resolve, reject) => {
      execFile(...words(`${name}-save`, ...(table === undefined ? [] : ['-t', table])), { encoding: 'utf8', maxBuffer: 1 << 30 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else if (error.code === 'ENOENT') resolve(undefined)
        else reject(new Error(`${name}-save: ${stderr.trim() || error.message}`))
      })
    }),
    restore: (script) => new Promise((resolve, reject) => {
      const child = spawn(...words(`${name}-restore`, '-w', '5', '--noflush', '--counters'), { stdio: ['pipe', 'ignore', 'pipe'] })
      const err: Buffer[] = []
      child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
      child.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? new Error(`there is no ${name}-restore: install Debian's iptables`) : error))
      child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${name}-restore refused the rules: ${Buffer.concat(err).toString().trim()}`))))
      // When it gives up early the rest of the input has no reader; its own message says why.
      child.stdin.on('error', () => undefined)
      child.stdin.end(script)
    }),
    hasChain: (table, chain, empty = false) => new Promise((resolve) => {
      execFile(...words(name, '-w', '5', '-t', table, '-S', chain, ...(empty ? [] : ['1'])), (error, stdout) => resolve(error === null && (empty || stdout !== '')))
    }),
  }
}
