import { expect, test } from 'vitest'
import { explain, explanationText } from './explain.ts'
import { podInfo } from './snapshot.ts'
import { node, pod, world } from './testing/worlds.ts'

test('tells every plugin\'s verdict of every node, and the scores of those that fit', () => {
  const { framework } = world([
    node('free', { cpu: '4' }), node('full', { cpu: '1' }),
    node('tainted', { cpu: '1', spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }),
  ])
  const { state: _, diagnosis: __, ...explanation } = explain(framework, podInfo(pod('web', { cpu: '2' })))
  expect(explanation).toMatchObject({
    best: ['free'], message: '',
    nodes: [
      { node: 'free', fits: true, filters: { NodeResourcesFit: 'ok', TaintToleration: 'ok' }, scores: { NodeResourcesFit: 73, TaintToleration: 300 } },
      { node: 'full', fits: false, filters: { NodeResourcesFit: { reasons: ['Insufficient cpu'] }, TaintToleration: 'ok' } },
      { node: 'tainted', fits: false, filters: { NodeResourcesFit: { reasons: ['Insufficient cpu'] }, TaintToleration: { reasons: ['node(s) had untolerated taint(s)'] } } },
    ],
  })
  const text = explanationText(explanation)
  expect(text).toContain('1 of 3 nodes fit; free is best.')
  expect(text).toMatch(/^tainted +- .*TaintToleration: node\(s\) had untolerated taint\(s\); NodeResourcesFit: Insufficient cpu$/m)
})

test('says what the pod\'s condition would say where no node fits, and which gate holds it back', () => {
  const { framework } = world([node('small', { cpu: '1' })])
  const gated = pod('gated', { cpu: '2', spec: { schedulingGates: [{ name: 'later' }] } })
  const explanation = explain(framework, podInfo(gated))
  expect(explanation).toMatchObject({ best: [], message: '0/1 nodes are available: 1 Insufficient cpu.', gate: { plugin: 'SchedulingGates' } })
  expect(explanationText(explanation)).toContain('It is held back by SchedulingGates: waiting for scheduling gates: [later]')
})
