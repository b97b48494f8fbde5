import { expect, test } from 'vitest'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { defaultStages } from './stages/defaults.ts'
import { nextStage } from './stages/stage.ts'

const base: Pod = {
  metadata: { name: 'p', namespace: 'd', uid: 'u', generation: 1 },
  spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }], initContainers: [{ name: 'init', image: 'i' }] },
  status: { phase: 'Pending' },
}
const context = { now: Date.UTC(2026, 0, 1), nodeName: 'n', nodeIP: () => '198.18.0.1', podIP: () => '10.0.0.1' }
const next = (pod: Pod) => nextStage(defaultStages, pod as unknown as KubeObject)
const act = (pod: Pod) => next(pod)!.act(pod as unknown as KubeObject, context)

test('a pending pod runs, ready, with its address', () => {
  expect(act(base)).toMatchObject([{
    type: 'patch', subresource: 'status',
    patch: { status: {
      phase: 'Running', podIP: '10.0.0.1', startTime: '2026-01-01T00:00:00Z',
      containerStatuses: [{ name: 'c', ready: true, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }],
      initContainerStatuses: [{ name: 'init', ready: true, state: { terminated: { reason: 'Completed' } } }],
    } },
  }])
})

test('a running pod stays, one of a job completes, a deleted one goes', () => {
  const running: Pod = { ...base, status: { phase: 'Running', containerStatuses: [{ name: 'c', ready: true, image: 'i', imageID: '', restartCount: 0, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }] } }
  expect(next(running)).toBeUndefined()
  const ofJob: Pod = { ...running, metadata: { ...running.metadata, ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'x', controller: true }] } }
  expect(act(ofJob)).toMatchObject([{ patch: { status: { phase: 'Succeeded', containerStatuses: [{ ready: false, state: { terminated: { exitCode: 0 } } }] } } }])
  const deleted: Pod = { ...running, metadata: { ...running.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  expect(act(deleted)).toEqual([{ type: 'delete' }])
})
