import { expect, test } from 'vitest'
import { podsToPreempt } from './preempt.ts'
import { container, pod } from './testing/objects.ts'

const critical = pod({ priority: 2_000_000_000 }, { name: 'critical' })
const asking = (name: string, cpu?: string, guaranteed = false) => {
  const amounts = { cpu: cpu ?? '', memory: '1Mi' }
  return pod({ priority: 0, containers: [container('c', cpu === undefined ? {} : { resources: { requests: amounts, ...(guaranteed ? { limits: amounts } : {}) } })] }, { name, uid: name })
}
const names = (pods: readonly ReturnType<typeof pod>[]) => pods.map(({ metadata }) => metadata.name)
const everybody = [asking('none'), asking('small', '100m'), asking('big', '1'), asking('sure', '2', true)]

test('the least important class goes first, and no more than is needed', () => {
  expect(names(podsToPreempt(critical, everybody, [{ resource: 'pods', amount: 1 }]))).toEqual(['none'])
  expect(names(podsToPreempt(critical, everybody, [{ resource: 'cpu', amount: 50 }]))).toEqual(['small'])
  expect(names(podsToPreempt(critical, everybody, [{ resource: 'cpu', amount: 500 }]))).toEqual(['big'])
  expect(names(podsToPreempt(critical, everybody, [{ resource: 'cpu', amount: 1500 }]))).toEqual(['sure'])
})
test('critical pods do not go; what cannot be had is said', () => {
  expect(() => podsToPreempt(critical, [critical, asking('small', '100m')], [{ resource: 'cpu', amount: 150 }]))
    .toThrow('preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 50), ]')
})
