/** Authorizers in turn: the first that allows or denies decides (upstream: apiserver/pkg/authorization/union). */
import { type Authorizer, type PolicyRule, type UserRules, type Verdict, allow, noOpinion, privilegedGroup } from '../contract.ts'

/** system:masters may do everything, whatever the other authorizers think. */
export const mastersAuthorizer: Authorizer = {
  name: 'masters',
  authorize: ({ user }) => (user.groups.includes(privilegedGroup) ? allow() : noOpinion()),
}

export const alwaysAllowAuthorizer: Authorizer = {
  name: 'AlwaysAllow',
  authorize: () => allow(),
  rulesFor: () => ({
    rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }], incomplete: false, errors: [],
  }),
}

export const alwaysDenyAuthorizer: Authorizer = {
  name: 'AlwaysDeny',
  authorize: () => ({ decision: 'none', reason: 'Everything is forbidden.' }),
}

export function unionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  return {
    name: 'union',
    async authorize(attributes): Promise<Verdict> {
      const reasons: string[] = []
      const errors: string[] = []
      for (const authorizer of authorizers) {
        const answer = authorizer.authorize(attributes)
        const verdict = answer instanceof Promise ? await answer : answer
        if (verdict.reason !== undefined && verdict.reason !== '') reasons.push(verdict.reason)
        if (verdict.error !== undefined) errors.push(verdict.error)
        if (verdict.decision === 'allow') return verdict
        if (verdict.decision === 'deny') return { ...verdict, reason: reasons.join('\n') }
      }
      return {
        decision: 'none', reason: reasons.join('\n'),
        ...(errors.length === 0 ? {} : { error: errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]` }),
      }
    },
    rulesFor(user, namespace): UserRules {
      const rules: PolicyRule[] = []
      const errors: string[] = []
      let incomplete = false
      for (const authorizer of authorizers) {
        const part = authorizer.rulesFor?.(user, namespace)
        if (part === undefined) continue
        rules.push(...part.rules)
        errors.push(...part.errors)
        incomplete ||= part.incomplete
      }
      return { rules, incomplete, errors }
    },
  }
}
