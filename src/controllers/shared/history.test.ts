import { expect, test } from 'vitest'
import { keepsTemplate, newRevision, templateOf, templatePatch } from './history.ts'

const template = {
  spec: {
    terminationGracePeriodSeconds: 30, containers: [{ name: 'app', image: 'agnhost', ports: [{ protocol: 'TCP', containerPort: 9376 }] }],
    securityContext: {}, volumes: [],
  },
  metadata: { labels: { b: '2', a: '1' }, annotations: {}, creationTimestamp: null },
}

test('a revision keeps what Go would have written', () => {
  expect(JSON.stringify(templatePatch(template))).toBe(
    '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"a":"1","b":"2"}},"spec":{"containers":[{"image":"agnhost","name":"app",'
    + '"ports":[{"containerPort":9376,"protocol":"TCP"}],"resources":{}}],"securityContext":{},"terminationGracePeriodSeconds":30}}}}',
  )
})

test('a revision knows its template again, however it is written', () => {
  const revision = newRevision({
    owner: { metadata: { name: 'ds', namespace: 'n', uid: 'u' } }, kind: { apiVersion: 'apps/v1', kind: 'DaemonSet' }, template, revision: 1,
    collisionCount: undefined, hashLabel: 'hash',
  })
  expect(keepsTemplate(revision, { ...template, metadata: { labels: { a: '1', b: '2' } } })).toBe(true)
  expect(keepsTemplate(revision, { ...template, metadata: { labels: { a: '1' } } })).toBe(false)
  expect(templateOf(revision)).not.toHaveProperty('$patch')
})
