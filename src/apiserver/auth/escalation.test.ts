import { expect, test } from 'vitest'
import { compactRule, uncovered } from './escalation.ts'

test('what one has one may give, no more', () => {
  const owned = [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', '*/status'] }]
  expect(uncovered(owned, [{ verbs: ['get'], apiGroups: [''], resources: ['pods', 'nodes/status'] }])).toEqual([])
  expect(uncovered(owned, [{ verbs: ['get', 'delete'], apiGroups: [''], resources: ['pods'] }])).toEqual([{ verbs: ['delete'], apiGroups: [''], resources: ['pods'] }])
})

test('rights on named objects do not give rights on all', () => {
  const owned = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: ['a'] }]
  expect(uncovered(owned, [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] }])).toEqual([])
  expect(uncovered(owned, [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }])).toHaveLength(1)
})

test('paths', () => {
  expect(uncovered([{ verbs: ['get'], nonResourceURLs: ['/a/*'] }], [{ verbs: ['get'], nonResourceURLs: ['/a/b', '/c'] }])).toEqual([{ verbs: ['get'], nonResourceURLs: ['/c'] }])
})

test('rules are printed as upstream prints them', () => {
  expect(compactRule({ verbs: ['get'], apiGroups: [''], resources: ['pods'] })).toBe('{APIGroups:[""], Resources:["pods"], Verbs:["get"]}')
})
