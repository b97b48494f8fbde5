/** `coxswain time`, `coxswain why`: the controls of a cluster that was started in one process (sim, startCluster). */
import type { Fault } from '../cluster/faults.ts'
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

interface FaultList {
  readonly seed: number
  readonly faults: readonly Fault[]
}

export const faults: Command = {
  name: 'faults',
  summary: 'Make requests and watches of a cluster fail',
  description: `Rules are JSON: match (user, verb, resource, namespace, name), then what goes wrong: delay, error, dropAnswer, stale, partition, watch.

Examples:
  coxswain faults add '{"match":{"verb":"update","resource":"deployments.apps"},"error":409,"probability":0.3}' --kubeconfig sim.kubeconfig
  coxswain faults add '{"name":"cut","match":{"user":"system:node:node-1"},"partition":true}' --kubeconfig sim.kubeconfig
  coxswain faults remove cut --kubeconfig sim.kubeconfig`,
  commands: [
    {
      name: 'add', arguments: 'RULE', summary: 'Add a rule; its name is printed', flags: [kubeconfigFlag],
      async run(invocation) {
        const [rule] = invocation.args
        if (rule === undefined) throw new UsageError('faults add: which rule?')
        const { name } = await asked(invocation, (client) => client.raw('POST', `/coxswain/faults?${new URLSearchParams({ rule }).toString()}`)) as { name: string }
        invocation.stdout(`${name}\n`)
        return 0
      },
    },
    {
      name: 'list', summary: 'Show the rules, what each has hit, and the seed of their chance', flags: [kubeconfigFlag],
      async run(invocation) {
        const { seed, faults: all } = await asked(invocation, (client) => client.raw('GET', '/coxswain/faults')) as FaultList
        invocation.stdout(`seed ${seed}\n${all.map(({ rule, hits }) => `${rule.name}\t${hits} hits\t${JSON.stringify(rule)}\n`).join('')}`)
        return 0
      },
    },
    {
      name: 'remove', arguments: '[NAME]', summary: 'Remove a rule, or all', flags: [kubeconfigFlag],
      async run(invocation) {
        const [name] = invocation.args
        await asked(invocation, (client) => client.raw('DELETE', `/coxswain/faults${name === undefined ? '' : `?${new URLSearchParams({ name }).toString()}`}`))
        return 0
      },
    },
  ],
}
