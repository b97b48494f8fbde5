import { expect, test } from 'vitest'
import type { Secret, ServiceAccount } from '../../api/generated/types/core-v1.ts'
import { type TokenWorld, judgeToken } from './index.ts'

const now = Date.parse('2026-06-01T12:00:00Z')
const day = 86_400_000
const token = (labels: Record<string, string> = {}, over: Partial<Secret> = {}): Secret => ({
  apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token',
  metadata: { name: 'auto', namespace: 'default', creationTimestamp: '2024-01-01T00:00:00Z', labels }, ...over,
})
const old: ServiceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'old', namespace: 'default' }, secrets: [{ name: 'auto' }] }
const world: TokenWorld = { now, unusedMs: 365 * day, mounts: () => new Set(), account: () => old }

test.each([
  ['never used', token(), world, 'mark'],
  ['used a year and more ago', token({ 'kubernetes.io/legacy-token-last-used': '2025-05-31' }), world, 'mark'],
  ['used within the year', token({ 'kubernetes.io/legacy-token-last-used': '2025-06-01' }), world, 'keep'],
  ['used on a day that cannot be read', token({ 'kubernetes.io/legacy-token-last-used': 'once' }), world, 'keep'],
  ['made within the year', token({}, { metadata: { name: 'auto', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' } }), world, 'keep'],
  ['of another type', token({}, { type: 'Opaque' }), world, 'keep'],
  ['made by hand: the account does not name it', token({}, { metadata: { name: 'manual', namespace: 'default', creationTimestamp: '2024-01-01T00:00:00Z' } }), world, 'keep'],
  ['of an account that is gone', token(), { ...world, account: () => undefined }, 'keep'],
  ['named by a pod', token(), { ...world, mounts: () => new Set(['auto']) }, 'keep'],
  ['marked within the year', token({ 'kubernetes.io/legacy-token-invalid-since': '2026-05-01' }), world, 'keep'],
  ['marked a year and more ago', token({ 'kubernetes.io/legacy-token-invalid-since': '2025-05-01' }), world, 'delete'],
  ['marked with what is no day', token({ 'kubernetes.io/legacy-token-invalid-since': 'x' }), world, 'mark'],
] satisfies [string, Secret, TokenWorld, string][])('a token %s', (_what, secret, around, verdict) => {
  expect(judgeToken(secret, around)).toBe(verdict)
})
