import { expect, test } from 'vitest'
import { featuresFrom } from './features.ts'

test('single gates count more than AllAlpha and AllBeta, these more than defaults', () => {
  expect(featuresFrom({})('ClusterTrustBundle')).toBe(false)
  expect(featuresFrom({ ClusterTrustBundle: 'true' })('ClusterTrustBundle')).toBe(true)
  const beta = featuresFrom({ AllBeta: 'T', PodCertificateRequest: '0' })
  expect([beta('ClusterTrustBundle'), beta('PodCertificateRequest'), beta('GenericWorkload')]).toEqual([true, false, false])
  expect(featuresFrom({ AllAlpha: 'true' })('GenericWorkload')).toBe(true)
  expect(featuresFrom({})('NoSuchGate')).toBe(false)
})

test('what cannot be set is refused in upstream\'s words', () => {
  expect(() => featuresFrom({ NoSuchGate: 'true' })).toThrow('unrecognized feature gate: NoSuchGate')
  expect(() => featuresFrom({ GenericWorkload: 'yes' })).toThrow('invalid value of GenericWorkload=yes, err: strconv.ParseBool: parsing "yes": invalid syntax')
  expect(() => featuresFrom({ GangScheduling: 'true' })).toThrow('GangScheduling is enabled, but depends on features that are disabled: [GenericWorkload]')
})
