/** What a job's policies say of failed pods and of success (upstream: pod_failure_policy.go, success_policy.go). Pure. */
import type { Job, PodFailurePolicyRule, SuccessPolicy } from '../../api/generated/types/batch-v1.ts'
import type { ContainerStatus, Pod } from '../../api/generated/types/core-v1.ts'
import { IndexSet } from './indexes.ts'

export interface FailureVerdict {
  /** Whether the failure counts towards the back-off limit. */
  readonly counts: boolean
  readonly action?: 'Ignore' | 'FailIndex' | 'Count' | 'FailJob'
  /** For FailJob: why. */
  readonly message?: string
}

export function judgeFailure(job: Job, pod: Pod): FailureVerdict {
  for (const [index, rule] of (job.spec?.podFailurePolicy?.rules ?? []).entries()) {
    const message = matchRule(rule, pod, index)
    if (message === undefined) continue
    switch (rule.action) {
      case 'Ignore':
        return { counts: false, action: 'Ignore' }
      case 'FailIndex':
      case 'Count':
        return { counts: true, action: rule.action }
      case 'FailJob':
        return { counts: true, action: 'FailJob', message }
    }
  }
  return { counts: true }
}

/** The text for FailJob when the rule matches, else undefined. */
function matchRule(rule: PodFailurePolicyRule, pod: Pod, index: number): string | undefined {
  const { namespace, name } = pod.metadata
  if (rule.onExitCodes !== undefined) {
    const { containerName, operator, values } = rule.onExitCodes
    const matches = ({ name: container, state }: ContainerStatus): boolean => {
      const code = state?.terminated?.exitCode
      if (code === undefined || code === 0 || (containerName !== undefined && containerName !== container)) return false
      return operator === 'In' ? values.includes(code) : operator === 'NotIn' && !values.includes(code)
    }
    const found = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(matches)
    return found === undefined
      ? undefined
      : `Container ${found.name} for pod ${namespace}/${name} failed with exit code ${found.state!.terminated!.exitCode} matching ${rule.action} rule at index ${index}`
  }
  const found = (pod.status?.conditions ?? []).find(({ type, status }) =>
    (rule.onPodConditions ?? []).some((pattern) => pattern.type === type && pattern.status === status))
  return found === undefined ? undefined : `Pod ${namespace}/${name} has condition ${found.type} matching ${rule.action} rule at index ${index}`
}

/** The text for the condition when some rule of the success policy is met. */
export function matchSuccess(policy: SuccessPolicy | undefined, completions: number, succeeded: IndexSet): string | undefined {
  if (policy === undefined || succeeded.size === 0) return undefined
  for (const [index, { succeededIndexes, succeededCount }] of policy.rules.entries()) {
    const text = `Matched rules at index ${index}`
    if (succeededIndexes === undefined) {
      if (succeededCount !== undefined && succeeded.size >= succeededCount) return text
      continue
    }
    const required = IndexSet.parse(succeededIndexes, completions)
    if (required.size === 0) continue
    const overlap = required.overlap(succeeded)
    if (overlap === required.size || (succeededCount !== undefined && overlap >= succeededCount)) return text
  }
  return undefined
}
