/** MutatingAdmissionPolicy: policies and their bindings change objects (admission/plugin/policy/{generic/policy_dispatcher,mutating/dispatcher}.go). */
import { mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings } from '../../../api/generated/resources.ts'
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '../../../api/generated/types/admissionregistration-v1.ts'
import { resuming } from '../../../api/cel/index.ts'
import { StatusError, type StatusReason, serviceUnavailable } from '../../../api/meta/errors.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { OutOfBudget } from '../../../api/cel/admission/evaluate.ts'
import type { ReinvocablePlugin, Reinvocation } from '../chain.ts'
import { refuse } from '../context.ts'
import type { Attributes } from '../contract.ts'
import type { WebhookDeps } from '../webhooks/deps.ts'
import type { Seen } from '../webhooks/invocation.ts'
import { activationOf } from './activation.ts'
import { matchResources } from './matching.ts'
import { MutationError, Mutator } from './mutator.ts'
import { PolicyConfigurationError, collectParams } from './params.ts'
import { byName, isBeyondPolicies, namespaceOf, perObject } from './shared.ts'

const pluginName = 'MutatingAdmissionPolicy'

type Policy = MutatingAdmissionPolicy
type Binding = MutatingAdmissionPolicyBinding

/** A policy with one of its bindings and one of that one's parameters. */
interface Invocation {
  readonly id: string
  readonly policy: Policy
  readonly binding: Binding
  readonly seen: Seen
  readonly params: KubeObject | undefined
}

interface PolicyFailure {
  readonly policy: Policy
  readonly binding: Binding | undefined
  readonly message: string
  readonly reason: StatusReason
}

/** Which invocations are to be repeated (mutating/reinvocationcontext.go). */
interface Rounds {
  lastOutput: string | undefined
  readonly done: Set<string>
  readonly again: Set<string>
}

export function mutatingPolicies(deps: WebhookDeps): ReinvocablePlugin {
  const { context, versions } = deps
  const matching = { context, equivalents: versions.equivalents }
  const mutatorOf = perObject((policy: Policy) => new Mutator(policy))

  /** What is to be done, and which policies and bindings cannot work. */
  async function invocations(attributes: Attributes, failures: PolicyFailure[]): Promise<Invocation[]> {
    const found: Invocation[] = []
    const bindings = byName(context.lister.list(mutatingAdmissionPolicyBindings))
    const misconfigured = (policy: Policy, binding: Binding | undefined, error: unknown): void => {
      const message = `failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${(error as Error).message}`
      failures.push({ policy, binding, message, reason: '' })
    }
    for (const policy of byName(context.lister.list(mutatingAdmissionPolicies))) {
      const own = bindings.filter(({ spec }) => spec?.policyName === policy.metadata?.name)
      if (own.length === 0) continue
      const seen = await matchResources(matching, policy.spec?.matchConstraints, attributes)
        .catch((error: unknown) => misconfigured(policy, undefined, error))
      if (seen === undefined) continue
      for (const binding of own) {
        try {
          if (await matchResources(matching, binding.spec?.matchResources, attributes) === undefined) continue
          for (const params of await collectParams(deps, policy.spec?.paramKind, binding.spec?.paramRef, attributes.namespace)) {
            const param = params === undefined ? '' : `${params.metadata.namespace ?? ''}/${params.metadata.name}`
            found.push({ id: `${policy.metadata?.name} ${binding.metadata?.name} ${param}`, policy, binding, seen, params })
          }
        } catch (error) {
          if (error instanceof PolicyConfigurationError) {
            misconfigured(policy, undefined, error)
            break
          }
          misconfigured(policy, binding, error)
        }
      }
    }
    return found
  }

  /** Applies one invocation; whether it changed the object. */
  async function invoke(
    { policy, binding, seen, params }: Invocation, attributes: Attributes, namespace: KubeObject | undefined, failures: PolicyFailure[], wanted: boolean,
  ): Promise<boolean | undefined> {
    const mutator = mutatorOf(policy)
    const oldObject = attributes.oldObject === undefined ? undefined : await versions.show(attributes.oldObject, seen)
    const activation = async () => {
      const object = attributes.object === undefined ? undefined : await versions.show(attributes.object, seen)
      return { object, activation: activationOf({ attributes, seen, object, oldObject, params, namespace, access: context.access }) }
    }
    const fail = (message: string): void => void failures.push({ policy, binding, message, reason: 'Invalid' })
    const first = await activation()
    const match = await resuming(() => mutator.matches(first.activation))
    if (match.error !== undefined) fail(match.error)
    if (match.error !== undefined || !match.matches || !wanted) return undefined
    for (let i = 0; i < mutator.size; i++) {
      const { object, activation: now } = await activation()
      if (object === undefined) break
      try {
        const schema = versions.schema(seen)
        if (schema === undefined) throw unknownKind(seen)
        attributes.object = await versions.read(await resuming(() => mutator.mutate(i, object, now, schema)), seen)
      } catch (error) {
        if (!(error instanceof MutationError) && !(error instanceof OutOfBudget)) throw error
        fail(error.message)
      }
    }
    return first.object !== undefined && !jsonEqual(first.object, await versions.show(attributes.object!, seen))
  }

  async function admit(attributes: Attributes, reinvocation: Reinvocation): Promise<void> {
    if (context.lister.list(mutatingAdmissionPolicies).length === 0) return
    const failures: PolicyFailure[] = []
    const wanted = await invocations(attributes, failures)
    const rounds = reinvocation.state<Rounds>(pluginName, () => ({ lastOutput: undefined, done: new Set(), again: new Set() }))
    if (reinvocation.again && rounds.lastOutput !== JSON.stringify(attributes.object)) repeat(rounds)
    try {
      const namespace = wanted.length === 0 ? undefined : await namespaceOf(context, attributes)
      for (const invocation of wanted) {
        const changed = await invoke(invocation, attributes, namespace, failures, !reinvocation.again || rounds.again.has(invocation.id))
        if (changed === undefined) continue
        if (changed) {
          repeat(rounds)
          reinvocation.request()
        }
        if (invocation.policy.spec?.reinvocationPolicy === 'IfNeeded') rounds.done.add(invocation.id)
      }
    } finally {
      rounds.lastOutput = JSON.stringify(attributes.object)
    }
    const counted = failures.filter(({ policy }) => policy.spec?.failurePolicy !== 'Ignore')
    if (counted.length > 0) throw refusalOf(counted, attributes)
  }

  return { name: pluginName, handles: (a) => !isBeyondPolicies(a), admit }
}

function repeat(rounds: Rounds): void {
  for (const id of rounds.done) rounds.again.add(id)
  rounds.done.clear()
}

function unknownKind({ kind: { group, version, kind } }: Seen): StatusError {
  return serviceUnavailable(`Resource kind ${group}/${version}, Kind=${kind} not found. `
    + 'There can be a delay between when CustomResourceDefinitions are created and when they are available.')
}

/** The first one's words, with all of them as causes. */
function refusalOf(failures: readonly PolicyFailure[], attributes: Attributes): StatusError {
  const texts = failures.map(({ policy, binding, message }) => (binding === undefined
    ? `policy ${JSON.stringify(policy.metadata?.name ?? '')} denied request: ${message}`
    : `policy '${policy.metadata?.name ?? ''}' with binding '${binding.metadata?.name ?? ''}' denied request: ${message}`))
  const { status } = refuse(attributes, '')
  return new StatusError({
    ...status, message: texts[0]!, reason: failures[0]!.reason || status.reason,
    details: { ...status.details, causes: [...status.details?.causes ?? [], ...texts.map((message) => ({ message }))] },
  })
}
