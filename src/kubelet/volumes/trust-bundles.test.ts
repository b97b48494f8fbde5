import { describe, expect, test } from 'vitest'
import type { ClusterTrustBundle } from '../../api/generated/types/certificates-v1beta1.ts'
import { pemBlocks, pemText } from '../../api/meta/pem.ts'
import { anchorsOf } from './trust-bundles.ts'

const pem = (...texts: string[]) => texts.map((text) => pemText('CERTIFICATE', Buffer.from(text))).join('')
const bundle = (name: string, trustBundle: string, signerName?: string, labels: Record<string, string> = {}): ClusterTrustBundle => ({ metadata: { name, labels }, spec: { trustBundle, ...(signerName === undefined ? {} : { signerName }) } })
const salt = Buffer.from('salt')
const bundles = [bundle('plain', `words\n${pem('one', 'two')}`), bundle('s:1', pem('two', 'three'), 'example.com/s', { live: 'yes' }), bundle('s:2', pem('three', 'four'), 'example.com/s', { live: 'no' })]
const names = (text: string) => pemBlocks(text).map(({ bytes }) => String(bytes)).sort()

describe('the anchors that a projection names', () => {
  test('one bundle by its name, without what stands around its certificates', () => {
    const anchors = anchorsOf(bundles, { name: 'plain', path: 'p' }, salt)
    expect([names(anchors), anchors.startsWith('-----BEGIN CERTIFICATE-----\n')]).toEqual([['one', 'two'], true])
  })
  test('those of a signer, each once, as the selector says', () => {
    const of = (labelSelector?: object) => names(anchorsOf(bundles, { signerName: 'example.com/s', path: 'p', optional: true, ...(labelSelector === undefined ? {} : { labelSelector }) }, salt))
    expect(of({})).toEqual(['four', 'three', 'two'])
    expect(of({ matchLabels: { live: 'yes' } })).toEqual(['three', 'two'])
    expect(of()).toEqual([])
  })
  test('their order holds as long as the kubelet runs, and not longer', () => {
    const many = bundle('many', pem(...Array.from({ length: 20 }, (_, i) => `anchor ${i}`)))
    const of = (text: string) => anchorsOf([many], { name: 'many', path: 'p' }, Buffer.from(text))
    expect(of('a')).toBe(of('a'))
    expect(of('a')).not.toBe(of('b'))
  })
  test.each([
    [{ name: 'none', path: 'p' }, 'while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "none" not found'],
    [{ signerName: 'example.com/s', path: 'p' }, 'combination of signerName and labelSelector matched zero ClusterTrustBundles'],
    [{ path: 'p' }, 'ClusterTrustBundle projection requires either name or signerName to be set'],
  ])('%j is refused', (source, text) => {
    expect(() => anchorsOf(bundles, source, salt)).toThrow(text)
  })
  test('what is optional may be missing', () => {
    expect(anchorsOf(bundles, { name: 'none', path: 'p', optional: true }, salt)).toBe('')
  })
})

test('headers of a block are not its bytes', () => {
  expect(pemBlocks('-----BEGIN X-----\nA: b\nC: d\n\naGk=\n-----END X-----\n').map(({ bytes }) => String(bytes))).toEqual(['hi'])
})
