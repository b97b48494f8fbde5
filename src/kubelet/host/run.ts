import { execFile } from 'node:child_process'
import type { RunCommand } from './contract.ts'

/** A program of the host, found on its path. */
export const systemRun: RunCommand = (command, args) => new Promise((resolve) => {
  execFile(command, [...args], (error, stdout, stderr) => {
    const output = stdout + stderr
    if (error === null) return resolve({ code: 0, output, error: undefined })
    const { code } = error as { code?: number | string }
    if (code === 'ENOENT') return resolve({ code: 127, output, error: 'executable file not found in $PATH' })
    resolve({ code: Number(code ?? 1), output, error: `exit status ${code}` })
  })
})
