/** What kinds ask the authorizer of their writers; conformance/differential/writers.ts asks upstream the same. */
import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../api/meta/object.ts'
import type { UserInfo } from '../handler.ts'
import { bindingAsks, policyAsks } from './admissionregistration/param-asks.ts'
import { podRequestStatusAsks } from './certificates/signer-ask.ts'
import type { AskContext, Asks, Question } from './define.ts'
import { claimAsks, claimStatusAsks, dropDeallocated } from './resource/claim-asks.ts'

const kim: UserInfo = { name: 'kim', groups: ['dev'] }
interface World { readonly allowed?: readonly string[]; readonly objects?: Readonly<Record<string, object>>; readonly user?: UserInfo }

/** Allows questions by their text, "verb resource/subresource name"; everything else is refused with that text. */
function contextOf({ allowed = [], objects = {}, user = kim }: World): AskContext {
  const textOf = ({ verb, resource, subresource = '', name = '' }: Question): string => `${verb} ${resource}${subresource && `/${subresource}`} ${name}`.trim()
  return {
    user, verb: 'update', now: new Date(0), feature: () => true, subresource: 'status', warn: () => undefined,
    inquiry: {
      may: (_user, question) => Promise.resolve(allowed.includes(textOf(question)) ? { allowed: true, refusal: undefined } : { allowed: false, refusal: `not ${textOf(question)}` }),
      read: (_group, resource, _namespace, name) => Promise.resolve(objects[`${resource}/${name}`] as KubeObject | undefined),
      resourceOf: (_apiVersion, kind) => (kind === 'ConfigMap' ? 'configmaps' : undefined),
    },
  }
}

const told = async <T>(asks: Asks<T>, object: object, old: object | undefined, world: World = {}): Promise<string[]> =>
  (await asks.errors(object as T, old as T | undefined, contextOf(world))).map(({ field, message }) => `${field}: ${message.replace('Forbidden: ', '')}`)

const result = { request: 'r', driver: 'd', pool: 'p', device: 'x' }
const onNode = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }] }
const claim = (status: object): object => ({ metadata: { name: 'c', namespace: 'ns' }, status })
const allocation = { devices: { results: [result] }, nodeSelector: onNode }

describe('claims', () => {
  const admin = { metadata: { name: 'c', namespace: 'ns' }, spec: { devices: { requests: [{ name: 'a', exactly: {} }, { name: 'b', exactly: { adminAccess: true } }] } } }
  const label = (value: string): World => ({ objects: { 'namespaces/ns': { metadata: { labels: { 'resource.kubernetes.io/admin-access': value } } } } })
  it('admin access is for namespaces that say so', async () => {
    expect(await told(claimAsks, admin, undefined, label('true'))).toEqual([])
    expect(await told(claimAsks, admin, undefined, label('no'))).toEqual(['spec.devices.requests[1].adminAccess: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace'])
    expect(await told(claimAsks, admin, admin, label('no'))).toEqual([])
  })
  it('only who may bind allocates and reserves', async () => {
    const refused = ['status.allocation: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: not update resourceclaims/binding']
    expect(await told(claimStatusAsks, claim({ allocation }), claim({}))).toEqual(refused)
    expect(await told(claimStatusAsks, claim({ allocation }), claim({}), { allowed: ['update resourceclaims/binding'] })).toEqual([])
    expect(await told(claimStatusAsks, claim({ allocation }), claim({ allocation }))).toEqual([])
  })
  it('only its driver reports a device, on its own node or wherever it may', async () => {
    const write = [claim({ allocation, devices: [{ ...result, data: { a: 1 } }] }), claim({ allocation })] as const
    const plugin = { name: 'system:serviceaccount:kube-system:plugin', groups: [], extra: { 'authentication.kubernetes.io/node-name': ['n'] } }
    expect(await told(claimStatusAsks, ...write)).toEqual(['status.devices: changing status.devices requires resource="resourceclaims/driver", verb="[arbitrary-node:update]" permission: not arbitrary-node:update resourceclaims/driver d'])
    expect(await told(claimStatusAsks, ...write, { allowed: ['associated-node:update resourceclaims/driver d'], user: plugin })).toEqual([])
    expect(await told(claimStatusAsks, ...write, { allowed: ['arbitrary-node:update resourceclaims/driver d'], user: plugin })).toEqual([])
    expect(await told(claimStatusAsks, ...write, { user: plugin })).toEqual([expect.stringContaining('verb="[associated-node:update arbitrary-node:update]" permission: not associated-node:update')])
  })
  it('a deallocation takes along what is said of its devices', () => {
    const next = { metadata: {}, spec: { devices: {} }, status: { devices: [{ ...result }] } }
    dropDeallocated(next, { metadata: {}, spec: { devices: {} }, status: { allocation: { devices: { results: [result] } }, devices: [{ ...result }] } })
    expect(next.status).toEqual({})
  })
})

describe('admission policies', () => {
  const policy = { metadata: { name: 'p' }, spec: { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } } }
  const missing = 'spec.paramKind: user &{kim  [dev] map[]} must have "get" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)'
  it('are for those who can read their parameters', async () => {
    expect(await told(policyAsks, policy, undefined)).toEqual([missing])
    expect(await told(policyAsks, policy, policy)).toEqual([])
    expect(await told(policyAsks, policy, undefined, { allowed: ['get configmaps *'] })).toEqual([])
    expect(await told(policyAsks, policy, undefined, { user: { name: 'root', groups: ['system:masters'] } })).toEqual([])
  })
  it('are bound by those who can read the parameters that are named', async () => {
    const binding = { metadata: {}, spec: { policyName: 'p', paramRef: { name: 'x' } } }
    const objects = { 'validatingadmissionpolicies/p': policy }
    const asks = bindingAsks('validatingadmissionpolicies')
    expect(await told(asks, binding, undefined, { objects })).toEqual(['spec.paramRef: user &{kim  [dev] map[]} does not have "get" permission on the object referenced by paramRef'])
    expect(await told(asks, binding, undefined, { objects, allowed: ['get configmaps x'] })).toEqual([])
    expect(await told(asks, binding, undefined, {})).toEqual([expect.stringContaining('unable to get policy p to determine')])
    expect(await told(asks, { metadata: {}, spec: { policyName: 'p', paramRef: { selector: {} } } }, undefined, { objects, allowed: ['list configmaps'] })).toEqual([])
  })
})

it('a pod certificate is signed by a signer', async () => {
  const [next, old] = [{ status: { certificateChain: 'x' }, spec: { signerName: 'a.example/s' } }, { status: {}, spec: { signerName: 'a.example/s' } }]
  expect(await told(podRequestStatusAsks, next, old)).toEqual(['spec.signerName: User "kim" is not permitted to "sign" for signer "a.example/s"'])
  expect(await told(podRequestStatusAsks, next, old, { allowed: ['sign signers a.example/*'] })).toEqual([])
  expect(await told(podRequestStatusAsks, old, old)).toEqual([])
})
