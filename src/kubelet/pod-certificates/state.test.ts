import { createPublicKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { PodCertificateRequest } from '../../api/generated/types/certificates-v1beta1.ts'
import { newKeyAndStub } from './keys.ts'
import { type CertificateState, bundleOf, decide, metricState, withRequest } from './state.ts'

const minute = 60_000
const at = (ms: number) => new Date(ms).toISOString()
const chain = '-----BEGIN CERTIFICATE-----\naGk=\n-----END CERTIFICATE-----\n'
const request = (type?: string, status: object = {}): PodCertificateRequest => ({
  metadata: { namespace: 'ns', name: 'req-1' }, spec: {} as never,
  status: { ...status, ...(type === undefined ? {} : { conditions: [{ type, status: 'True', reason: 'Why', message: 'because', lastTransitionTime: at(0) }] }) },
})
const issued = request('Issued', { certificateChain: `words\n${chain}`, beginRefreshAt: at(100 * minute), notAfter: at(200 * minute) })
const waiting = withRequest({ kind: 'initial' }, { key: 'KEY', request: 'req-1', abandonAt: 10 * minute })
const held = decide(waiting, issued, 0, minute).state

describe('a certificate', () => {
  test('is asked for once, and waited for', () => {
    expect(decide({ kind: 'initial' }, undefined, 0, 0)).toEqual({ state: { kind: 'initial' }, events: [], ask: true })
    expect(decide(waiting, undefined, 10 * minute, 0)).toEqual({ state: waiting, events: [], ask: false })
    expect(decide(waiting, request(), 11 * minute, 0)).toEqual({ state: waiting, events: [], ask: false })
    expect(() => bundleOf(waiting)).toThrow('credential bundle is not issued yet')
  })
  test('is asked for again when the request was deleted', () => {
    expect(decide(waiting, undefined, 10 * minute + 1, 0)).toEqual({ state: { kind: 'initial' }, events: [], ask: true })
  })
  test('that is issued is held until it is to be renewed', () => {
    expect(bundleOf(held)).toEqual({ key: 'KEY', chain })
    expect(decide(held, undefined, 101 * minute - 1, 0)).toEqual({ state: held, events: [], ask: false })
    expect(decide(held, undefined, 101 * minute, 0)).toMatchObject({ events: [], ask: true })
  })
  test('is renewed while the old one is still used', () => {
    const renewing = withRequest(held, { key: 'NEW', request: 'req-2', abandonAt: 120 * minute })
    expect([bundleOf(renewing).key, decide(renewing, request(), 102 * minute, 0).ask]).toEqual(['KEY', false])
    expect(decide(renewing, undefined, 121 * minute, 0).ask).toBe(true)
    expect(bundleOf(decide(renewing, issued, 102 * minute, 0).state).key).toBe('NEW')
  })
  test.each([['Denied', 'was denied'], ['Failed', 'failed']])('%s is for good', (type, verb) => {
    const { state, events, ask } = decide(waiting, request(type), 0, 0)
    expect([events, ask]).toEqual([[{ reason: type, message: `PodCertificateRequest ns/req-1 ${verb}, reason="Why", message="because"` }], false])
    expect(() => bundleOf(state)).toThrow(`PodCertificateRequest was permanently ${type.toLowerCase()}: reason="Why" message="because"`)
    expect(decide(state, undefined, 1000 * minute, 0)).toEqual({ state, events: [], ask: false })
  })
  test('that is not renewed in time is told of once, and once more when it ends', () => {
    const told: string[] = []
    let state: CertificateState = withRequest(held, { key: 'NEW', request: 'req-2', abandonAt: 1000 * minute })
    const states = [102, 112, 113, 201, 202].map((minutes) => {
      const decision = decide(state, request(), minutes * minute, 0)
      state = decision.state
      told.push(...decision.events.map(({ reason }) => `${minutes} ${reason}`))
      return metricState(state, minutes * minute)
    })
    expect(told).toEqual(['112 CertificateOverdueForRefresh', '201 CertificateExpired'])
    expect(states).toEqual(['fresh', 'overdue_for_refresh', 'overdue_for_refresh', 'expired', 'expired'])
  })
})

test.each([['RSA3072', 'rsa'], ['ECDSAP256', 'ec'], ['ECDSAP384', 'ec'], ['ECDSAP521', 'ec'], ['ED25519', 'ed25519']])('a key of kind %s', async (kind, type) => {
  const { key } = await newKeyAndStub(kind)
  expect([createPublicKey(key).asymmetricKeyType, key.startsWith('-----BEGIN PRIVATE KEY-----')]).toEqual([type, true])
})
test('a key of no known kind', async () => {
  await expect(newKeyAndStub('DSA')).rejects.toThrow('while generating keypair: unknown key type "DSA"')
})
