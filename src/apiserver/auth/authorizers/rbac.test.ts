import { describe, expect, test } from 'vitest'
import type { ClusterRoleBinding, RoleBinding } from '../../../api/generated/types/rbac-v1.ts'
import type { Attributes, PolicyRule } from '../contract.ts'
import { type RbacSource, RbacResolver, rbacAuthorizer, ruleAllows } from './rbac.ts'

const attributes = (more: Partial<Attributes> = {}): Attributes => ({
  user: { name: 'jane', groups: ['dev'] }, verb: 'get', isResourceRequest: true, namespace: 'a', apiGroup: '', apiVersion: 'v1',
  resource: 'pods', subresource: '', name: 'web', path: '', ...more,
})

describe('rules', () => {
  test.each<[string, PolicyRule, Partial<Attributes>, boolean]>([
    ['exact', { verbs: ['get'], apiGroups: [''], resources: ['pods'] }, {}, true],
    ['other verb', { verbs: ['list'], apiGroups: [''], resources: ['pods'] }, {}, false],
    ['stars', { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { subresource: 'exec' }, true],
    ['a resource is not its subresources', { verbs: ['get'], apiGroups: [''], resources: ['pods'] }, { subresource: 'log' }, false],
    ['subresource', { verbs: ['get'], apiGroups: [''], resources: ['pods/log'] }, { subresource: 'log' }, true],
    ['subresource of all', { verbs: ['get'], apiGroups: [''], resources: ['*/log'] }, { subresource: 'log' }, true],
    ['names', { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['db'] }, {}, false],
    ['name', { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['web'] }, {}, true],
    ['no names is every name', { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: [] }, {}, true],
    ['path', { verbs: ['get'], nonResourceURLs: ['/healthz'] }, { isResourceRequest: false, path: '/healthz' }, true],
    ['path prefix', { verbs: ['get'], nonResourceURLs: ['/apis/*'] }, { isResourceRequest: false, path: '/apis/apps' }, true],
    ['path by resource rule', { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { isResourceRequest: false, path: '/healthz' }, false],
  ])('%s', (_name, rule, more, allowed) => {
    expect(ruleAllows(rule, attributes(more))).toBe(allowed)
  })
})

function source(o: { roles?: Record<string, PolicyRule[]>; cluster?: ClusterRoleBinding[]; local?: RoleBinding[] }): RbacSource & { generation: number } {
  return {
    generation: 1,
    clusterRole: (name) => (o.roles?.[name] === undefined ? undefined : { rules: o.roles[name] }),
    role: (namespace, name) => (o.roles?.[`${namespace}/${name}`] === undefined ? undefined : { rules: o.roles[`${namespace}/${name}`] }),
    clusterRoleBindings: () => o.cluster ?? [], roleBindings: (namespace) => (o.local ?? []).filter((b) => b.metadata?.namespace === namespace),
  }
}
const read: PolicyRule[] = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }]
const ref = (kind: string, name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name })

describe('bindings', () => {
  test('of the cluster hold everywhere and say why', () => {
    const authorizer = rbacAuthorizer(new RbacResolver(source({
      roles: { reader: read }, cluster: [{ metadata: { name: 'devs' }, subjects: [{ kind: 'Group', name: 'dev' }], roleRef: ref('ClusterRole', 'reader') }],
    })))
    expect(authorizer.authorize(attributes({ namespace: 'anywhere' }))).toEqual({
      decision: 'allow', reason: 'RBAC: allowed by ClusterRoleBinding "devs" of ClusterRole "reader" to Group "dev"',
    })
  })

  test('of a namespace hold there, for its service accounts too', () => {
    const authorizer = rbacAuthorizer(new RbacResolver(source({
      roles: { 'a/reader': read },
      local: [{ metadata: { name: 'sa', namespace: 'a' }, subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'a' }], roleRef: ref('Role', 'reader') }],
    })))
    const user = { name: 'system:serviceaccount:a:bot', groups: [] }
    expect(authorizer.authorize(attributes({ user }))).toMatchObject({ decision: 'allow', reason: expect.stringContaining('RoleBinding "sa/a" of Role "reader" to ServiceAccount "bot/a"') })
    expect(authorizer.authorize(attributes({ user, namespace: 'b' }))).toMatchObject({ decision: 'none', reason: '' })
  })

  test('to a role that is not there are named in the refusal', () => {
    const authorizer = rbacAuthorizer(new RbacResolver(source({
      cluster: [{ metadata: { name: 'devs' }, subjects: [{ kind: 'User', name: 'jane' }], roleRef: ref('ClusterRole', 'gone') }],
    })))
    expect(authorizer.authorize(attributes())).toEqual({ decision: 'none', reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found' })
  })

  test('are looked up again after a change, and only then', () => {
    const bindings: ClusterRoleBinding[] = []
    const state = source({ roles: { reader: read }, cluster: bindings })
    const authorizer = rbacAuthorizer(new RbacResolver(state))
    expect(authorizer.authorize(attributes())).toMatchObject({ decision: 'none' })
    bindings.push({ metadata: { name: 'x' }, subjects: [{ kind: 'User', name: 'jane' }], roleRef: ref('ClusterRole', 'reader') })
    expect(authorizer.authorize(attributes())).toMatchObject({ decision: 'none' })
    state.generation++
    expect(authorizer.authorize(attributes())).toMatchObject({ decision: 'allow' })
  })
})
