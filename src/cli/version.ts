import type { Command } from './command.ts'
import manifest from '../../package.json' with { type: 'json' }

export const command: Command = {
  name: 'version',
  summary: 'The version of Coxswain and of the Kubernetes API it serves',
  run(invocation) {
    invocation.stdout(`coxswain ${manifest.version} (Kubernetes v1.36.3, Node ${process.version})\n`)
    return Promise.resolve(0)
  },
}
