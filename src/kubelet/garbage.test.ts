import { expect, test } from 'vitest'
import type { Container, Sandbox } from './cri/contract.ts'
import { findGarbage } from './garbage.ts'

const labels = (uid: string, name?: string) => ({ 'io.kubernetes.pod.uid': uid, ...(name === undefined ? {} : { 'io.kubernetes.container.name': name }) })
const container = (id: string, uid: string, name: string, state: Container['state'], createdAt: number, podSandboxId = `s-${uid}`): Container => ({
  id, podSandboxId, metadata: { name, attempt: 0 }, image: null, imageRef: '', imageId: '', state, createdAt, labels: labels(uid, name), annotations: {},
})
const sandbox = (id: string, uid: string, state: Sandbox['state'], createdAt: number): Sandbox => ({
  id, metadata: { name: '', uid, namespace: '', attempt: 0 }, state, createdAt, labels: labels(uid), annotations: {}, runtimeHandler: '',
})

test('living pods keep one dead container a name, gone pods nothing', () => {
  const garbage = findGarbage([
    container('1', 'live', 'a', 'CONTAINER_EXITED', 1), container('2', 'live', 'a', 'CONTAINER_EXITED', 2), container('3', 'live', 'a', 'CONTAINER_RUNNING', 3),
    container('4', 'live', 'b', 'CONTAINER_EXITED', 1), container('5', 'gone', 'a', 'CONTAINER_EXITED', 1), container('6', 'gone', 'b', 'CONTAINER_RUNNING', 1),
    container('7', 'busy', 'a', 'CONTAINER_EXITED', 1), { ...container('8', 'x', 'x', 'CONTAINER_EXITED', 1), labels: {} },
  ], [], new Set(['live']), new Set(['busy']))
  expect(garbage.containers.map(({ id }) => id)).toEqual(['1', '5'])
})
test('dead sandboxes go when nothing is in them', () => {
  const garbage = findGarbage([container('1', 'live', 'a', 'CONTAINER_EXITED', 1, 'old-used')], [
    sandbox('old', 'live', 'SANDBOX_NOTREADY', 1), sandbox('old-used', 'live', 'SANDBOX_NOTREADY', 2), sandbox('new', 'live', 'SANDBOX_NOTREADY', 3),
    sandbox('gone', 'gone', 'SANDBOX_NOTREADY', 1), sandbox('gone-ready', 'gone', 'SANDBOX_READY', 2), sandbox('busy', 'busy', 'SANDBOX_NOTREADY', 1),
  ], new Set(['live']), new Set(['busy']))
  expect(garbage.sandboxes).toEqual(['old', 'gone'])
})
