/** `coxswain time`, `coxswain why`: the controls of a cluster that was started in one process (sim, startCluster). */
import { type WhyStep, renderWhy } from '../cluster/why.ts'
import type { Client } from '../client/client.ts'
import { type Command, type Flag, type Invocation, UsageError } from './command.ts'
import { clientFromKubeconfig, systemEnv } from './component.ts'

const kubeconfigFlag: Flag = { name: 'kubeconfig', type: 'string', required: true, help: 'File that says where the cluster is' }

async function asked<T>(invocation: Invocation, ask: (client: Client) => Promise<T>): Promise<T> {
  const client = await clientFromKubeconfig(invocation.flags.string('kubeconfig')!, systemEnv(invocation, 'control'), 'coxswain-control')
  try {
    return await ask(client)
  } finally {
    await client.close()
  }
}

const actions = ['advance', 'to', 'step', 'run', 'pause'] as const

export const time: Command = {
  name: 'time',
  summary: 'Show and move the time of a cluster in virtual time',
  arguments: '[advance SPAN | to MOMENT | step | run [SPEED] | pause]',
  description: 'Examples:\n  coxswain time --kubeconfig sim.kubeconfig\n  coxswain time advance "30 days" --kubeconfig sim.kubeconfig',
  flags: [kubeconfigFlag],
  async run(invocation) {
    const [action, ...rest] = invocation.args
    if (action !== undefined && !actions.some((known) => known === action)) throw new UsageError(`${action} is none of ${actions.join(', ')}`)
    const value = rest.join(' ')
    if ((action === 'advance' || action === 'to') && value === '') throw new UsageError(`time ${action}: how far?`)
    const query = action === undefined ? '' : `?${new URLSearchParams({ [action]: value }).toString()}`
    const answer = await asked(invocation, (client) => client.raw(action === undefined ? 'GET' : 'POST', `/coxswain/time${query}`)) as Record<string, unknown>
    invocation.stdout(`${String(answer['now'])}${answer['virtual'] === true ? answer['paused'] === true ? ' (paused)' : ' (running)' : ' (real time)'}\n`)
    return 0
  },
}

export const why: Command = {
  name: 'why',
  summary: 'Tell which requests and reconciliations led to an object\'s state',
  arguments: 'OBJECT',
  description: 'OBJECT is RESOURCE/NAMESPACE/NAME, or RESOURCE/NAME outside namespaces.\n\nExample:\n  coxswain why pods/default/web-7d4b9 --kubeconfig sim.kubeconfig',
  flags: [kubeconfigFlag, { name: 'limit', type: 'int', default: 3, help: 'How many of the last writes to tell of' }],
  async run(invocation) {
    const [object] = invocation.args
    if (object === undefined) throw new UsageError('why: which object?')
    const query = new URLSearchParams({ object, limit: String(invocation.flags.number('limit')) }).toString()
    invocation.stdout(renderWhy(await asked(invocation, (client) => client.raw('GET', `/coxswain/why?${query}`)) as readonly WhyStep[]))
    return 0
  },
}
