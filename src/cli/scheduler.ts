import { createScheduler } from '../scheduler/scheduler.ts'
import type { Command } from './command.ts'
import { clientFlags, leaderElectionFlags, runWithClient } from './component.ts'

export const command: Command = {
  name: 'scheduler',
  summary: 'The scheduler (kube-scheduler)',
  description: 'Finds a node for every pod that has none, against the API server that the kubeconfig names.\n\nExample:\n  coxswain scheduler --kubeconfig scheduler.conf',
  flags: [
    ...clientFlags,
    ...leaderElectionFlags('kube-scheduler'),
  ],
  run: (invocation) => runWithClient(invocation, 'kube-scheduler', (env, client) =>
    createScheduler(env, client)),
}
