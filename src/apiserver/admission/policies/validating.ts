/** ValidatingAdmissionPolicy: policies and their bindings decide on requests (admission/plugin/policy/validating/dispatcher.go). */
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '../../../api/generated/resources.ts'
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../../api/generated/types/admissionregistration-v1.ts'
import { resuming } from '../../../api/cel/index.ts'
import { type StatusError, type StatusReason, isStatus } from '../../../api/meta/errors.ts'
import { refuse } from '../context.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import type { WebhookDeps } from '../webhooks/deps.ts'
import type { Seen } from '../webhooks/invocation.ts'
import { activationOf } from './activation.ts'
import { matchResources } from './matching.ts'
import { PolicyConfigurationError, collectParams } from './params.ts'
import { byName, isBeyondPolicies, namespaceOf, perObject } from './shared.ts'
import { type Denial, Validator, type Verdict } from './validator.ts'

type Policy = ValidatingAdmissionPolicy
type Binding = ValidatingAdmissionPolicyBinding

const maxAnnotationBytes = 10 * 1024
const codes: Readonly<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413 }

interface Refusal {
  readonly policy: Policy
  readonly binding: Binding | undefined
  readonly message: string
  readonly reason: string
}

export function validatingPolicies(deps: WebhookDeps): AdmissionPlugin {
  const { context, versions } = deps
  const matching = { context, equivalents: versions.equivalents }
  const validatorOf = perObject((policy: Policy) => new Validator(policy))

  async function verdicts(policy: Policy, binding: Binding, attributes: Attributes, seen: Seen): Promise<Verdict[]> {
    const params = await collectParams(deps, policy.spec?.paramKind, binding.spec?.paramRef, attributes.namespace)
    if (params.length === 0) return []
    const namespace = await namespaceOf(context, attributes)
    const object = attributes.object === undefined ? undefined : await versions.show(attributes.object, seen)
    const oldObject = attributes.oldObject === undefined ? undefined : await versions.show(attributes.oldObject, seen)
    const { access } = context
    return Promise.all(params.map((param) => {
      const activation = activationOf({ attributes, seen, object, oldObject, params: param, namespace, access })
      return resuming(() => validatorOf(policy).validate(activation))
    }))
  }

  async function decide(policy: Policy, bindings: readonly Binding[], attributes: Attributes): Promise<Refusal[]> {
    const refusals: Refusal[] = []
    const failOpen = policy.spec?.failurePolicy === 'Ignore'
    const misconfigured = (error: unknown, binding: Binding | undefined): void => {
      if (failOpen) return
      const message = `failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${(error as Error).message}`
      refusals.push({ policy, binding, message, reason: '' })
    }
    const seen = await matchResources(matching, policy.spec?.matchConstraints, attributes)
      .catch((error: unknown) => misconfigured(error, undefined))
    if (seen === undefined) return refusals
    const annotations = new Annotations()
    for (const binding of bindings) {
      try {
        if (await matchResources(matching, binding.spec?.matchResources, attributes) === undefined) continue
        for (const verdict of await verdicts(policy, binding, attributes, seen)) {
          for (const denial of verdict.denials) if (enforce(policy, binding, denial, attributes)) refusals.push({ policy, binding, ...denial })
          for (const { key, value } of verdict.annotations) annotations.add(key, value)
          for (const message of verdict.annotationErrors) refusals.push({ policy, binding, message, reason: '' })
        }
      } catch (error) {
        // There is no namespace to speak of.
        if (isStatus(error, 'NotFound')) throw error
        misconfigured(error, error instanceof PolicyConfigurationError ? undefined : binding)
        if (error instanceof PolicyConfigurationError) break
      }
    }
    annotations.publish(policy.metadata?.name ?? '', attributes)
    return refusals
  }

  return {
    name: 'ValidatingAdmissionPolicy',
    handles: (a) => !isBeyondPolicies(a),
    async validate(attributes) {
      const policies = context.lister.list(validatingAdmissionPolicies)
      if (policies.length === 0) return
      const bindings = byName(context.lister.list(validatingAdmissionPolicyBindings))
      let first: Refusal | undefined
      for (const policy of byName(policies)) {
        const own = bindings.filter(({ spec }) => spec?.policyName === policy.metadata?.name)
        if (own.length === 0) continue
        const [refusal] = await decide(policy, own, attributes)
        first ??= refusal
      }
      if (first !== undefined) throw refusalError(first, attributes)
    },
  }
}

/** Does what the binding wants done; whether that is to refuse. */
function enforce(policy: Policy, binding: Binding, { index, message }: Denial, attributes: Attributes): boolean {
  const names = { policy: policy.metadata?.name ?? '', binding: binding.metadata?.name ?? '' }
  const actions = binding.spec?.validationActions ?? []
  if (actions.includes('Audit')) {
    attributes.addAnnotation('validation.policy.admission.k8s.io/validation_failure', JSON.stringify([{
      message, policy: binding.spec?.policyName ?? '', binding: names.binding, expressionIndex: index, validationActions: actions,
    }]))
  }
  if (actions.includes('Warn')) {
    attributes.warnings.push(`Validation failed for ValidatingAdmissionPolicy '${names.policy}' with binding '${names.binding}': ${message}`)
  }
  return actions.includes('Deny')
}

function refusalError({ policy, binding, message, reason }: Refusal, attributes: Attributes): StatusError {
  const by = binding === undefined ? '' : ` with binding '${binding.metadata?.name ?? ''}'`
  const text = `ValidatingAdmissionPolicy '${policy.metadata?.name ?? ''}'${by} denied request: ${message}`
  const error = refuse(attributes, text)
  const status = error.status
  status.reason = (reason || 'Invalid') as StatusReason
  status.code = codes[reason] ?? 422
  status.details = { ...status.details, causes: [...status.details?.causes ?? [], { message: text }] }
  return error
}

/** Values of one key from several bindings stand together. */
class Annotations {
  readonly #values = new Map<string, string[]>()

  add(key: string, value: string): void {
    const cut = Buffer.byteLength(value) > maxAnnotationBytes ? Buffer.from(value).subarray(0, maxAnnotationBytes).toString() : value
    const known = this.#values.get(key) ?? []
    if (!known.includes(cut)) known.push(cut)
    this.#values.set(key, known)
  }

  publish(policy: string, attributes: Attributes): void {
    for (const [key, values] of this.#values) attributes.addAnnotation(`${policy}/${key}`, values.join(', '))
  }
}
