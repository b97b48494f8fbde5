import { describe, expect, it } from 'vitest'
import type { ManagedFieldsEntry } from '../../api/meta/object.ts'
import { fromScaleFields, toScaleFields } from './scale-fields.ts'

const entry = (manager: string, fieldsV1: Record<string, unknown>, more: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry =>
  ({ manager, operation: 'Update', apiVersion: 'apps/v1', fieldsType: 'FieldsV1', fieldsV1, ...more })
const replicas = { 'f:spec': { 'f:replicas': {} } }
const both = { 'f:spec': { 'f:replicas': {}, 'f:paused': {} } }

describe('managed fields of a scale', () => {
  it('show the owners of the replica count alone', () => {
    expect(toScaleFields([entry('a', both), entry('b', { 'f:spec': { 'f:paused': {} } })], 'spec.replicas'))
      .toEqual([entry('a', replicas, { apiVersion: 'autoscaling/v1' })])
  })

  it('take the count from its old owners and give it to the new one', () => {
    const scaler = entry('hpa', replicas, { operation: 'Apply', subresource: 'scale', apiVersion: 'autoscaling/v1' })
    expect(fromScaleFields([entry('a', both), entry('b', replicas)], [scaler], 'spec.replicas', 'apps/v1')).toEqual([
      { ...scaler, apiVersion: 'apps/v1', fieldsV1: replicas }, entry('a', { 'f:spec': { 'f:paused': {} } }),
    ])
  })

  it('stay as they are for those who keep it', () => {
    const entries = [entry('a', both)]
    expect(fromScaleFields(entries, toScaleFields(entries, 'spec.replicas'), 'spec.replicas', 'apps/v1')).toEqual(entries)
  })
})
