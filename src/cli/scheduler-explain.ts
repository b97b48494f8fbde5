/** `coxswain scheduler explain POD`: why a pod goes where, or nowhere. */
import { readFileSync } from 'node:fs'
import { parseYaml } from '../api/codec/yaml.ts'
import { pods } from '../api/generated/resources.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import { isStatus } from '../api/meta/errors.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import type { Client } from '../client/client.ts'
import { explanationText } from '../scheduler/explain.ts'
import { explainPod } from '../scheduler/scheduler.ts'
import { type Command, type Invocation, UsageError } from './command.ts'
import { clientFlags, clientFromKubeconfig } from './component.ts'
import { explainFlags } from './flags/scheduler-explain.ts'
import { schedulerOptions } from './scheduler-configuration.ts'

export const explainCommand: Command = {
  name: 'explain', arguments: 'POD',
  summary: 'Tell what every plugin says of every node for a pod',
  description: [
    'Every node with the verdict of each plugin, and the scores of those that fit, as the scheduler would decide now; nothing',
    'is changed. A pod from a file is sent to the API server as a dry run first, for its defaults.\n',
    'Examples:', '  coxswain scheduler explain web-0 -n shop --kubeconfig admin.conf', '  coxswain scheduler explain -f pod.yaml -o json --kubeconfig admin.conf',
  ].join('\n'),
  flags: [...clientFlags.filter(({ name }) => name === 'kubeconfig'), ...explainFlags],
  run: explainOne,
}

async function explainOne(invocation: Invocation): Promise<number> {
  const { flags, args, stdout } = invocation
  const [file, output] = [flags.string('filename')!, flags.string('output')!]
  if (output !== 'text' && output !== 'json') throw new UsageError(`--output: "${output}" is neither text nor json`)
  if ((file === '') !== (args.length === 1) || args.length > 1) throw new UsageError('name one pod, or a file with --filename')
  const env = createSystemEnv({ log: createLogger({ level: (flags.number('v') ?? 0) >= 4 ? 'debug' : 'error', name: 'explain' }) })
  const options = await schedulerOptions(flags)
  const client = await clientFromKubeconfig(flags.string('kubeconfig')!, env, 'coxswain')
  try {
    const pod = file === ''
      ? await client.get(pods, { namespace: flags.string('namespace')!, name: args[0]! })
      : await asIfCreated(client, podFrom(file, flags.string('namespace')!))
    const explanation = await explainPod(env, client, pod, options)
    stdout(output === 'json' ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation))
    return explanation.best.length > 0 ? 0 : 1
  } finally {
    await client.close()
  }
}

function podFrom(file: string, namespace: string): Pod {
  let document: unknown
  try {
    document = parseYaml(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const pod = document as Partial<Pod> | null
  if (pod?.kind !== 'Pod') throw new UsageError(`${file} holds no Pod`)
  return { ...(pod as Pod), metadata: { ...pod.metadata, namespace: pod.metadata?.namespace ?? namespace } }
}

/** The pod with what the API server would give it: defaults, priority, tolerations. */
async function asIfCreated(client: Client, pod: Pod): Promise<Pod> {
  const create = (object: Pod) => client.create(pods, object, { dryRun: true })
  try {
    return await create(pod)
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error
    const { name, ...metadata } = pod.metadata
    return create({ ...pod, metadata: { ...metadata, generateName: `${name}-` } })
  }
}
