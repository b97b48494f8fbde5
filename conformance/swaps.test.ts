import { expect, it } from 'vitest'
import { focusOf, mergeSwap, othersThan, parseSwaps, renderSwaps } from './swaps.ts'

const result = (name: string, verdict: 'passed' | 'failed') => ({ name, seconds: 1, verdict, message: '' })

it('a swap\'s row is written, read and replaced', () => {
  const first = mergeSwap([], 'ours', 'kubelet', [result('[sig-node] a', 'passed'), result('[sig-node] b | c', 'failed'), result('d', 'failed')])
  const both = mergeSwap(parseSwaps(renderSwaps(first)), 'upstream', 'etcd', [result('a', 'passed')])
  expect(both).toEqual([
    { whose: 'upstream', component: 'etcd', passed: 1, failed: 0, failures: [] },
    { whose: 'ours', component: 'kubelet', passed: 1, failed: 2, failures: ['[sig-node] b / c', 'd'] },
  ])
  expect(mergeSwap(both, 'ours', 'kubelet', [result('a', 'passed')])[1]).toEqual({ whose: 'ours', component: 'kubelet', passed: 1, failed: 0, failures: [] })
})

it('each component has tests, and one that is ours alone has all others of upstream beside it', () => {
  expect('[sig-network] Services should x [Conformance]').toMatch(new RegExp(focusOf('kube-proxy')))
  expect(othersThan('kubelet')).toEqual(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'])
})
