import { expect, test } from 'vitest'
import type { Attributes } from '../auth/contract.ts'
import type { UserInfo } from '../handler.ts'
import { type Wanted, createImpersonation } from './impersonation-modes.ts'

/** Answers who may by "verb resource name"; notes what it was asked. */
function start(allowed: readonly string[], constrained = true) {
  const asked: Attributes[] = []
  const counts: string[] = []
  const impersonation = createImpersonation({
    name: 'test',
    authorize(attributes) {
      asked.push(attributes)
      const { verb, resource, subresource, name } = attributes
      const text = `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`} ${name}`
      return Promise.resolve({ decision: allowed.includes(text) ? 'allow' : 'none' })
    },
  }, constrained, (mode, ok) => counts.push(`${mode} ${ok}`))
  return { asked, counts, impersonation }
}
const request = (user: UserInfo): Attributes => ({ user, verb: 'list', isResourceRequest: true, namespace: '', apiGroup: '', apiVersion: 'v1', resource: 'pods', subresource: '', name: '', path: '' })
const wanted = (user: string, more: Partial<Wanted> = {}): Wanted => ({ user, groups: [], uid: '', extra: new Map(), ...more })
const agentOn = (node: string): UserInfo => ({
  name: 'system:serviceaccount:kube-system:agent', groups: [],
  extra: { 'authentication.kubernetes.io/node-name': [node], 'authentication.kubernetes.io/pod-name': ['agent-x'] },
})

test('an agent is the node that it runs on, by a right for all nodes', async () => {
  const { asked, impersonation } = start(['impersonate-on:associated-node:list pods ', 'impersonate:associated-node nodes *'])
  expect(await impersonation.check(wanted('system:node:n1'), request(agentOn('n1')))).toEqual({
    user: { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] }, constraint: 'impersonate:associated-node',
  })
  expect(asked.map(({ user }) => user.extra)).toEqual(Array.from({ length: 2 }, () => ({
    'authentication.kubernetes.io/associated-node-keys': ['authentication.kubernetes.io/node-name', 'authentication.kubernetes.io/pod-name'],
  })))
  await expect(impersonation.check(wanted('system:node:n2'), request(agentOn('n1')))).rejects.toThrow('cannot impersonate-on:arbitrary-node:list resource "pods"')
  await expect(impersonation.check(wanted('system:node:n1'), request({ ...agentOn('n1'), name: 'jane' }))).rejects.toThrow('User "jane" cannot impersonate-on:arbitrary-node:list')
})

test('the mode that served a user last is tried first', async () => {
  const { counts, impersonation } = start(['impersonate users root'])
  const jane = request({ name: 'jane', groups: [] })
  expect((await impersonation.check(wanted('root'), jane)).constraint).toBe('')
  expect(counts).toEqual(['user-info false', 'legacy true'])
  await impersonation.check(wanted('root'), jane)
  expect(counts.slice(2)).toEqual(['legacy true'])
  // The first refusal is the one that is told.
  await expect(impersonation.check(wanted('other'), jane)).rejects.toThrow('User "jane" cannot impersonate resource "users"')
})

test('many groups are asked for at once', async () => {
  const groups = ['a', 'b', 'c', 'd']
  const { counts, impersonation } = start(['impersonate-on:user-info:list pods ', 'impersonate:user-info users u', 'impersonate:user-info groups *'])
  await impersonation.check(wanted('u', { groups }), request({ name: 'jane', groups: [] }))
  expect(counts).toHaveLength(3)
})

test('without the feature there is the old way alone', async () => {
  const { counts, impersonation } = start([], false)
  await expect(impersonation.check(wanted('root'), request({ name: 'jane', groups: [] }))).rejects.toThrow('User "jane" cannot impersonate resource "users" in API group "" at the cluster scope')
  expect(counts).toEqual(['legacy false'])
})
