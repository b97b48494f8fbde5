import { describe, expect, test } from 'vitest'
import type { FieldError } from './errors.ts'
import type { ConditionLike } from './conditions.ts'
import { findCondition, isConditionFalse, isConditionTrue, removeCondition, setCondition } from './conditions.ts'
import {
  annotationsLimit, validateConditions, validateFieldManager, validateLabelSelector, validateObjectMeta, validateObjectMetaUpdate,
  validateObjectMetaWith,
} from './metadata-validation.ts'
import { nameIsDNSSubdomain } from './names.ts'
import type { ObjectMeta } from './object.ts'
import { controllerOf, isControlledBy, isOwnedBy, newControllerRef, withoutOwner } from './owner-references.ts'

const lines = (errors: Iterable<FieldError>): string[] => [...errors].map((e) => `${e.field}: ${e.message}`)
const create = (meta: ObjectMeta, namespaced = true): string[] => lines(validateObjectMeta(meta, namespaced, nameIsDNSSubdomain))
const right: ObjectMeta = { name: 'a', namespace: 'n' }

describe('create', () => {
  test.each([
    [right, []],
    [{ namespace: 'n' }, ['metadata.name: Required value: name or generateName is required']],
    [{ name: 'a' }, ['metadata.namespace: Required value']],
    [{ ...right, generation: -1 }, ['metadata.generation: Invalid value: -1: must be greater than or equal to 0']],
    [{ ...right, finalizers: ['orphan', 'foregroundDeletion'] }, ['metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set']],
    [{ ...right, annotations: { a: 'x'.repeat(annotationsLimit) } }, ['metadata.annotations: Too long: may not be more than 262144 bytes']],
    [{ ...right, annotations: { 'EXAMPLE.com/a': '' } }, []],
    [{ ...right, ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'e', uid: 'u' }] }, ['metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}: /v1, Kind=Event is disallowed from being an owner']],
    [{ ...right, ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: '' }] }, [
      'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty', 'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
      'metadata.ownerReferences.name: Invalid value: "": must not be empty', 'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ]],
    [{ ...right, managedFields: [{ fieldsType: 'X', subresource: 'x'.repeat(257) }] }, [
      'metadata.managedFields[0].operation: Invalid value: "": must be `Apply` or `Update`', 'metadata.managedFields[0].fieldsType: Invalid value: "X": must be `FieldsV1`',
      'metadata.managedFields[0].subresource: Too long: may not be more than 256 bytes',
    ]],
  ] as [ObjectMeta, string[]][])('%#', (meta, expected) => {
    expect(create(meta)).toEqual(expected)
  })

  test('cluster-scoped objects have no namespace', () => {
    expect(create(right, false)).toEqual(['metadata.namespace: Forbidden: not allowed on this type'])
  })

  test('only one controller', () => {
    const ref = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', name, uid: name, controller: true })
    expect(create({ ...right, ownerReferences: [ref('a'), ref('b')] })[0]).toMatch(/Only one reference can have Controller set to true\. Found "true" in references for Pod\/a and Pod\/b$/)
  })

  test('names that were to be generated', () => {
    expect(lines(validateObjectMetaWith({ generateName: 'a-', namespace: 'n' }, true, () => []))).toEqual([
      'metadata.name: Internal error: generateName was specified ("a-"), but no name was generated', 'metadata.name: Required value: name or generateName is required',
    ])
  })
})

describe('update', () => {
  const old: ObjectMeta = { ...right, uid: 'u', resourceVersion: '1', generation: 2, creationTimestamp: '2026-01-01T00:00:00Z' }
  test.each([
    [old, old, []],
    [{ ...old, resourceVersion: '' }, old, ['metadata.resourceVersion: Invalid value: "": must be specified for an update']],
    [{ ...old, generation: 1 }, old, ['metadata.generation: Invalid value: 1: must not be decremented']],
    [{ ...old, uid: 'v' }, old, ['metadata.uid: Invalid value: "v": field is immutable']],
    [{ ...old, name: 'b' }, old, ['metadata.name: Invalid value: "b": field is immutable']],
    [{ ...old, finalizers: ['a.b/c'] }, { ...old, deletionTimestamp: '2026-01-01T00:00:00Z' }, [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.b/c"}',
      'metadata.deletionTimestamp: Invalid value: null: field is immutable',
    ]],
  ] as [ObjectMeta, ObjectMeta, string[]][])('%#', (meta, before, expected) => {
    expect(lines(validateObjectMetaUpdate(meta, before))).toEqual(expected)
  })
})

test('managers are printable and short', () => {
  expect(lines(validateFieldManager('a\nb', 'fieldManager'))).toEqual(['fieldManager: Invalid value: "a\\nb": invalid character U+000A (at position 1)'])
  expect(lines(validateFieldManager('x'.repeat(129), 'fieldManager'))).toEqual(['fieldManager: Too long: may not be more than 128 bytes'])
})

test('label selectors', () => {
  const selector = { matchExpressions: [{ key: 'a', operator: 'In' }, { key: 'a', operator: 'Exists', values: ['x'] }, { key: 'a', operator: 'Near' }] }
  expect(lines(validateLabelSelector(selector, 'spec.selector'))).toEqual([
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    'spec.selector.matchExpressions[2].operator: Invalid value: "Near": not a valid selector operator',
  ])
})

test('conditions', () => {
  const condition = { type: 'Ready', status: 'Maybe', reason: '', lastTransitionTime: null }
  expect(lines(validateConditions([condition, { ...condition, status: 'True', reason: 'Fine', lastTransitionTime: 'x' }], 'status.conditions'))).toEqual([
    'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"', 'status.conditions[0].lastTransitionTime: Required value',
    'status.conditions[0].reason: Required value', 'status.conditions[1].type: Duplicate value: "Ready"',
  ])
  const first = setCondition<ConditionLike>(undefined, { type: 'A', status: 'True', reason: 'R' }, 't1')
  expect(first).toEqual([{ type: 'A', status: 'True', reason: 'R', lastTransitionTime: 't1' }])
  expect(setCondition(first, { type: 'A', status: 'True', reason: 'R' }, 't2')).toBe(first)
  expect(setCondition(first, { type: 'A', status: 'True', reason: 'S' }, 't2')[0]!.lastTransitionTime).toBe('t1')
  const moved = setCondition(first, { type: 'A', status: 'False', reason: 'S' }, 't2')
  expect(moved[0]!.lastTransitionTime).toBe('t2')
  expect([isConditionTrue(first, 'A'), isConditionFalse(moved, 'A'), findCondition(first, 'B'), removeCondition(first, 'A').length]).toEqual([true, true, undefined, 0])
})

test('owners', () => {
  const owner = { metadata: { name: 'o', uid: 'u' } }
  const ref = newControllerRef(owner, { apiVersion: 'apps/v1', kind: 'ReplicaSet' })
  expect(ref).toEqual({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'o', uid: 'u', controller: true, blockOwnerDeletion: true })
  const owned = { metadata: { ownerReferences: [ref] } }
  expect([controllerOf(owned), isControlledBy(owned, owner), isOwnedBy(owned, 'u'), isOwnedBy(owned, 'v'), withoutOwner(owned, 'u')]).toEqual([ref, true, true, false, undefined])
})
