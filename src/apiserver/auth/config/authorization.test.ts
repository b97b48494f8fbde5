import { expect, it, describe, test } from 'vitest'
import type { FieldError } from '../../../api/meta/errors.ts'
import type { Attributes } from '../contract.ts'
import { parseAuthorization } from './authorization.ts'
import { compileMatcher } from './conditions.ts'

const file = (...authorizers: object[]): string => JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers })
const webhook = { timeout: '3s', subjectAccessReviewVersion: 'v1', failurePolicy: 'Deny', connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/k' } }
const found = () => undefined
const parse = (authorizers: object[], required: readonly string[] = []) => () => parseAuthorization(file(...authorizers), found, required)

test('authorizers in their order, with upstream\'s defaults', () => {
  expect(parse([{ type: 'Node', name: 'node' }, { type: 'Webhook', name: 'a.example', webhook }, { type: 'RBAC', name: 'rbac' }, { type: 'Webhook', name: 'b', webhook: { ...webhook, failurePolicy: 'NoOpinion', authorizedTTL: '1m', cacheUnauthorizedRequests: false } }])()).toEqual([
    'Node', { name: 'a.example', kubeConfigFile: '/k', version: 'v1', timeoutMs: 3000, authorizedMs: 300_000, unauthorizedMs: 30_000, onError: 'deny' },
    'RBAC', { name: 'b', kubeConfigFile: '/k', version: 'v1', timeoutMs: 3000, authorizedMs: 60_000, unauthorizedMs: 0, onError: 'none' },
  ])
})

test.each<[object[], string]>([
  [[], 'authorizers: Required value: at least one authorization mode must be defined'],
  [[{ name: 'x' }], 'authorizers[0].type: Required value'],
  [[{ type: 'Foo', name: 'foo' }], 'authorizers[0].type: Unsupported value: "Foo": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"'],
  [[{ type: 'Node', name: 'node' }, { type: 'Node', name: 'node2' }], 'authorizers[1].type: Duplicate value: "Node"'],
  [[{ type: 'Node', name: 'node', webhook: {} }], 'authorizers[0].webhook: Invalid value: "non-null": may only be specified when type=Webhook'],
  [[{ type: 'Node', name: 'foo' }], 'expected name node for authorizer Node instead of foo'],
  [[{ type: 'Webhook', name: 'w', webhook: { ...webhook, timeout: '31s' } }], 'authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s'],
  [[{ type: 'Webhook', name: 'w', webhook: { ...webhook, failurePolicy: '' } }], 'authorizers[0].failurePolicy: Required value'],
  [[{ type: 'Webhook', name: 'w', webhook: { ...webhook, matchConditions: [{ expression: 'request.user' }] } }], '[authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified, authorizers[0].matchConditions[0].expression: Invalid value: "request.user": must evaluate to bool but got string]'],
  [[{ type: 'Webhook', name: 'w', webhook: { ...webhook, connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'k' } } }], 'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "k": must be an absolute path'],
  [[{ type: 'Node', name: 'node', x: 1 }], 'failed to load AuthorizationConfiguration from file: strict decoding error: unknown field "authorizers[0].x"'],
])('%j is refused', (authorizers, failure) => {
  expect(parse(authorizers)).toThrow(new Error(failure))
})

test('types that were there at the start must stay', () => {
  expect(parse([{ type: 'RBAC', name: 'rbac' }], ['Node', 'ABAC', 'RBAC'])).toThrow('missing required types: [ABAC Node]')
})

describe('conditions', () => {
  const attributes = (more: Partial<Attributes> = {}): Attributes => ({
    user: { name: 'jane', groups: ['dev'] }, verb: 'list', isResourceRequest: true, namespace: 'prod', apiGroup: '', apiVersion: 'v1', resource: 'pods', subresource: '', name: '', path: '/x', ...more,
  })
  const matches = (expressions: readonly string[], more: Partial<Attributes> = {}) => {
    const errors: FieldError[] = []
    const matcher = compileMatcher(expressions.map((expression) => ({ expression })), 'authorizers[0]', errors)
    expect(errors).toEqual([])
    try {
      return matcher!(attributes(more))
    } catch (error) {
      return (error as Error).message
    }
  }

  it.each<[string[], Partial<Attributes>, unknown]>([
    [['request.user == "jane"', '"dev" in request.groups'], {}, true],
    [['has(request.resourceAttributes) && request.resourceAttributes.namespace == "prod" && request.resourceAttributes.group == ""'], {}, true],
    [['has(request.resourceAttributes)'], { isResourceRequest: false }, false],
    [['request.nonResourceAttributes.path == "/x"'], { isResourceRequest: false }, true],
    [['request.resourceAttributes.fieldSelector.requirements.exists(r, r.key == "spec.nodeName" && r.operator == "In" && r.values == ["n"])'], { fieldSelector: 'spec.nodeName=n' }, true],
    [['has(request.resourceAttributes.labelSelector)'], {}, false],
    [['request.extra["k"][0] == "v"'], {}, "cel evaluation error: expression 'request.extra[\"k\"][0] == \"v\"' resulted in error: no such key: k"],
    [['request.extra["k"][0] == "v"', 'request.uid != ""'], {}, false],
  ])('%j', (expressions, more, expected) => {
    expect(matches(expressions, more)).toEqual(expected)
  })
})
