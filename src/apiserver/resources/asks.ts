/** Questions that kinds ask the authorizer when they are written. */
import type { Attributes, Verdict } from '../auth/contract.ts'
import { forbiddenRequest } from '../chain/authorization.ts'
import type { UserInfo } from '../handler.ts'
import type { AskContext } from './define.ts'

/** What is asked of a resource; absent parts are empty. */
export type Question = Pick<Attributes, 'verb' | 'apiGroup' | 'apiVersion' | 'resource'> & Partial<Pick<Attributes, 'subresource' | 'namespace' | 'name'>>

export const attributesFor = (user: UserInfo, question: Question): Attributes =>
  ({ user, isResourceRequest: true, namespace: '', name: '', subresource: '', path: '', ...question })

export async function ask({ inquiry, user }: AskContext, question: Question): Promise<Verdict> {
  return inquiry.authorize(attributesFor(user, question))
}

/** Undefined when it is allowed, otherwise the message of the 403 that a request of this kind would get. */
export async function refusalOf(context: AskContext, question: Question): Promise<string | undefined> {
  const { decision, reason = '', error } = await ask(context, question)
  if (decision === 'allow') return undefined
  const why = error === undefined ? reason : reason === '' ? error : `${error}: ${reason}`
  return forbiddenRequest(attributesFor(context.user, question), why).message
}

/** fmt's %v of a pointer to upstream's user.DefaultInfo. */
export function goUser({ name, uid = '', groups, extra = {} }: UserInfo): string {
  const pairs = Object.keys(extra).sort().map((key) => `${key}:[${(extra[key] ?? []).join(' ')}]`)
  return `&{${name} ${uid} [${groups.join(' ')}] map[${pairs.join(' ')}]}`
}
