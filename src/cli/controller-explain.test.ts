import { expect, test } from 'vitest'
import { explanationsText, plain } from './controller-explain.ts'

test('snapshots are shown without functions, maps as objects', () => {
  expect(plain({ map: new Map([['a', new Set([1])]]), run: () => undefined, object: { metadata: { name: 'x', managedFields: [] } } })).toEqual({ map: { a: [1] }, object: { metadata: { name: 'x' } } })
})

test('an explanation reads from cause to plan', () => {
  const text = explanationsText('default/web', [{
    controller: 'deployment-controller', key: 'default/web', causes: ['Deployment default/web'], lookups: ['ReplicaSet by controller u: none'], snapshot: { replicas: 2 },
    writes: [{ do: 'update', object: 'Deployment default/web', subresource: 'status', fields: [{ path: 'status.replicas', before: undefined, after: 2 }] }, { do: 'create', object: 'ReplicaSet default/web-1', body: { spec: { replicas: 2 } } }],
    events: ['Normal ScalingReplicaSet: Scaled up'], requeueAfterMs: 1500,
  }])
  expect(text).toBe(`deployment-controller default/web
  looks because of:
    Deployment default/web
  looked up:
    ReplicaSet by controller u: none
  snapshot:
    replicas: 2
  plan:
    update Deployment default/web (status)
      status.replicas: absent -> 2
    create ReplicaSet default/web-1
      spec:
        replicas: 2
  events:
    Normal ScalingReplicaSet: Scaled up
  looks again after 1.5 s
`)
  expect(explanationsText('default/x', [])).toBe('No controller has anything to do with default/x.\n')
})
