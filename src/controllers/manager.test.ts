import { describe, expect, test } from 'vitest'
import { rbacBootstrap } from '../api/generated/rbac-bootstrap.ts'
import { featureGates } from '../api/generated/feature-gates.ts'
import { controllers } from './index.ts'
import { selectControllers } from './manager.ts'
import { aliases, cloudControllers } from './names.ts'

/** cmd/kube-controller-manager/names/controller_names.go of v1.36.3, without "-controller". */
const upstream = `bootstrap-signer certificatesigningrequest-approving certificatesigningrequest-cleaner certificatesigningrequest-signing
  clusterrole-aggregation cronjob daemonset deployment device-taint-eviction disruption endpoints endpointslice endpointslice-mirroring
  ephemeral-volume garbage-collector horizontal-pod-autoscaler job kube-apiserver-serving-clustertrustbundle-publisher
  legacy-serviceaccount-token-cleaner namespace node-ipam node-lifecycle persistentvolume-attach-detach persistentvolume-binder
  persistentvolume-expander persistentvolume-protection persistentvolumeclaim-protection pod-garbage-collector podcertificaterequest-cleaner
  podgroup-protection replicaset replicationcontroller resourceclaim resourcepoolstatusrequest resourcequota root-ca-certificate-publisher
  selinux-warning service-cidr serviceaccount serviceaccount-token statefulset storage-version-migrator storageversion-garbage-collector
  taint-eviction token-cleaner ttl ttl-after-finished validatingadmissionpolicy-status volumeattributesclass-protection`

test('there is every controller that upstream has, by its name', () => {
  const names = controllers.map(({ name }) => name)
  expect(names.toSorted()).toEqual(upstream.split(/\s+/).map((name) => `${name}-controller`).toSorted())
  expect(names).toHaveLength(49)
  const known = new Set([...names, ...cloudControllers])
  expect(Object.values(aliases).filter((name) => !known.has(name))).toEqual([])
  expect(Object.keys(aliases).filter((name) => known.has(name))).toEqual([])
})

test('every controller has an account of its own, with the rights that upstream gives it and no more', () => {
  const bound = new Set(Object.values(rbacBootstrap).flat().flatMap((one) => ('subjects' in one ? one.subjects ?? [] : []))
    .filter(({ kind, namespace }) => kind === 'ServiceAccount' && namespace === 'kube-system').map(({ name }) => name))
  const without = controllers.filter(({ account }) => account === undefined || !bound.has(account)).map(({ name }) => name)
  // The first makes the tokens of the others, and so works under the manager's own name, as upstream's does; the rest are
  // behind gates, and get their roles with them (apiserver/extend/hooks/gated-controllers.ts).
  expect(without).toEqual([
    'serviceaccount-token-controller', ...controllers.filter(({ name, gates = [] }) => name !== 'serviceaccount-token-controller' && gates.some((gate) => featureGates[gate]?.default !== true)).map(({ name }) => name),
  ])
})

describe('--controllers', () => {
  const all = controllers.map(({ name }) => name)
  const off = ['bootstrap-signer-controller', 'selinux-warning-controller', 'token-cleaner-controller']
  test.for<[string, string[], string[]]>([
    ['all that are on by default', ['*'], all.filter((name) => !off.includes(name))],
    ['none', [], []],
    ['one', ['job-controller'], ['job-controller']],
    ['all but one', ['*', '-job-controller'], all.filter((name) => !off.includes(name) && name !== 'job-controller')],
    ['one that is off by default', ['*', 'tokencleaner'], all.filter((name) => !off.includes(name) || name === 'token-cleaner-controller')],
    ['the first word counts', ['-job', 'job-controller', 'ttl'], ['ttl-controller']],
    ['former names', ['podgc', '-csrcleaner'], ['pod-garbage-collector-controller']],
    ['those of clouds are known', ['service', 'node-route-controller', 'ttl'], ['ttl-controller']],
  ])('%s', ([, selection, expected]) => {
    expect(selectControllers(selection).map(({ name }) => name).toSorted()).toEqual(expected.toSorted())
  })
  test.for(['nonsense', '-nonsense', '-*', 'constructor'])('%s is refused', (name) => {
    expect(() => selectControllers([name])).toThrow(`${JSON.stringify(name.replace(/^-/, ''))} is not in the list of known controllers`)
  })
})
