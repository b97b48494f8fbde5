import { expect, test } from 'vitest'
import { featureGates } from '../../../api/generated/feature-gates.ts'
import { startTestServer } from '../../testing.ts'
import { gatedControllerRules, gatedControllers } from './gated-controllers.ts'

test('roles and bindings come with their gates, and not when facts have them', () => {
  expect(gatedControllers(() => false, new Set()).roles).toEqual([])
  const { roles, bindings } = gatedControllers(() => true, new Set(['system:controller:podgroup-protection-controller']))
  expect(roles.map(({ metadata }) => metadata.name)).toEqual(bindings.map(({ roleRef }) => roleRef.name))
  expect(roles.map(({ metadata }) => metadata.name)).not.toContain('system:controller:podgroup-protection-controller')
  expect(bindings.map(({ subjects }) => subjects?.[0]?.name)).toContain('storage-version-migrator-controller')
  expect(Object.keys(gatedControllerRules).filter((gate) => featureGates[gate] === undefined)).toEqual([])
})

test('a server with such a gate makes them, and widens the roles that there are', async () => {
  const on = new Set(['PodCertificateRequest', 'DRADeviceTaintRules', 'ClusterTrustBundle'])
  const api = await startTestServer({ feature: (name) => on.has(name) || featureGates[name]?.default === true })
  const get = async (path: string) => (await api.call('GET', `/apis/rbac.authorization.k8s.io/v1/${path}`)).json
  expect(await get('clusterroles/system:controller:podcertificaterequestcleaner')).toMatchObject({ rules: [{ apiGroups: ['certificates.k8s.io'], verbs: ['delete', 'get', 'list', 'watch'] }] })
  expect(await get('clusterrolebindings/system:controller:podcertificaterequestcleaner')).toMatchObject({ subjects: [{ name: 'podcertificaterequestcleaner', namespace: 'kube-system' }] })
  const { rules } = await get('clusterroles/system:controller:device-taint-eviction-controller') as { rules: { resources: string[] }[] }
  expect(rules.some(({ resources }) => resources.includes('devicetaintrules/status'))).toBe(true)
  const node = await get('clusterroles/system:node') as { rules: { resources: string[] }[] }
  expect(node.rules.flatMap(({ resources }) => resources)).toEqual(expect.arrayContaining(['podcertificaterequests', 'clustertrustbundles']))
  expect(await get('clusterrolebindings/system:cluster-trust-bundle-discovery')).toMatchObject({ subjects: [{ kind: 'Group', name: 'system:serviceaccounts' }] })
  await api.stop()
})
