import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issueCertificate } from '../../auth/certificates.ts'
import { type TestApiServer, startTestServer } from '../../testing.ts'

let api: TestApiServer
let uid = ''
const spaced = '/api/v1/namespaces/default'
beforeAll(async () => {
  api = await startTestServer({ authorizationModes: ['Node', 'RBAC'], admissionPlugins: { enable: ['NodeRestriction'] } })
  await api.call('POST', `${spaced}/serviceaccounts`, { body: { metadata: { name: 'default' } } })
  for (const name of ['n1', 'n2']) await api.call('POST', '/api/v1/nodes', { body: { metadata: { name } } })
  const pod = await api.call('POST', `${spaced}/pods`, { body: { metadata: { name: 'p' }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } } })
  expect(pod.code).toBe(201)
  uid = (pod.json['metadata'] as { uid: string }).uid
})
afterAll(() => api.stop())

const node = (name: string) => issueCertificate(api.pki.ca, { commonName: `system:node:${name}`, organizations: ['system:nodes'], usages: ['client'], now: new Date(), days: 1 })
const token = (as: string, spec: object, ref: object = {}) => api.call('POST', `${spaced}/serviceaccounts/default/token`, {
  as: node(as), body: { spec: { ...spec, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid, ...ref } } },
})

describe('a node asks for a token', () => {
  it('of a pod of its own, for the audience of the pod\'s volume: the server\'s own, which the request does not name', async () => {
    // The authorizer's graph follows the pod in its own time.
    await expect.poll(async () => (await token('n1', {})).code).toBe(201)
    expect((await token('n1', {})).json['spec']).toMatchObject({ audiences: ['https://issuer.test'] })
  })

  it.each([
    ['for an audience that no volume names', 'n1', { audiences: ['vault'] }, {}, 'audience "vault" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience'],
    ['for two audiences', 'n1', { audiences: ['a', 'b'] }, {}, 'node may only request 0 or 1 audiences'],
    ['of a pod that is another by now', 'n1', {}, { uid: 'x' }, 'the UID in the bound object reference (x) does not match the UID in record'],
    ['bound to no pod', 'n1', {}, { kind: 'Node', name: 'n1' }, 'node requested token not bound to a pod'],
  ])('%s: refused', async (_, as, spec, ref, message) => {
    const answer = await token(as, spec, ref)
    expect(answer).toMatchObject({ code: 403, json: { message: expect.stringContaining(message) } })
  })

  it('of a pod elsewhere: refused', async () => {
    expect((await token('n2', {})).code).toBe(403)
  })
})

describe('a node changes itself', () => {
  it('but no other, and not what is said of it by others', async () => {
    const patch = (name: string, body: object) => api.call('PATCH', `/api/v1/nodes/${name}`, { as: node('n1'), body, headers: { 'content-type': 'application/merge-patch+json' } })
    expect((await patch('n1', { metadata: { annotations: { a: 'b' } } })).code).toBe(200)
    expect((await patch('n2', { metadata: { annotations: { a: 'b' } } })).json['message']).toContain('node "n1" is not allowed to modify node "n2"')
    expect((await patch('n1', { metadata: { labels: { 'node-restriction.kubernetes.io/x': 'y' } } })).json['message']).toContain('is not allowed to modify labels: node-restriction.kubernetes.io/x')
    expect((await patch('n1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } })).json['message']).toContain('is not allowed to modify taints')
  })
})
