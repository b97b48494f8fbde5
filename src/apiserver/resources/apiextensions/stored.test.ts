import { describe, expect, it } from 'vitest'
import { fromV1beta1 } from './stored.ts'

const spec = { group: 'example.com', names: { kind: 'Widget', plural: 'widgets' }, scope: 'Namespaced' }
const schema = { openAPIV3Schema: { type: 'object' } }
const read = (more: object) => fromV1beta1({ apiVersion: 'apiextensions.k8s.io/v1beta1', kind: 'CustomResourceDefinition', metadata: { name: 'widgets.example.com' }, spec: { ...spec, ...more } })['spec']

describe('definitions as upstream stores them', () => {
  it.each([
    ['what is said once for all versions', {
      preserveUnknownFields: false, validation: schema, subresources: { status: {} }, version: 'v1', versions: [{ name: 'v1', served: true, storage: true }],
      additionalPrinterColumns: [{ name: 'Size', type: 'integer', JSONPath: '.spec.size' }],
    }, {
      ...spec, versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {} }, additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }] }],
    }],
    ['what a version says itself', {
      preserveUnknownFields: false, versions: [{ name: 'v1', served: true, storage: true, schema }, { name: 'v2', served: true, storage: false, schema: {} }],
    }, { ...spec, versions: [{ name: 'v1', served: true, storage: true, schema }, { name: 'v2', served: true, storage: false, schema: {} }] }],
    ['one version by its old name, and unknown fields kept', { version: 'v1' }, { ...spec, preserveUnknownFields: true, versions: [{ name: 'v1', served: true, storage: true }] }],
    ['a conversion', {
      preserveUnknownFields: false, versions: [{ name: 'v1' }], conversion: { strategy: 'Webhook', webhookClientConfig: { url: 'https://x' }, conversionReviewVersions: ['v1'] },
    }, { ...spec, versions: [{ name: 'v1' }], conversion: { strategy: 'Webhook', webhook: { clientConfig: { url: 'https://x' }, conversionReviewVersions: ['v1'] } } }],
  ])('%s', (_name, stored, wanted) => expect(read(stored)).toEqual(wanted))
})
