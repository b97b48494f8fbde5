import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ContainerConfig, SandboxConfig } from '../cri/contract.ts'
import { systemFiles } from '../host/files.ts'
import { pod } from '../testing/objects.ts'
import { containerWithUsers, createUserNamespaceManager, sandboxWithUsers } from './manager.ts'

let dir: string
const create = (more = {}) => createUserNamespaceManager({ files: systemFiles, podsDir: dir, idsPerPod: 65_536, maxPods: 2, supports: async (handler) => handler !== 'old', ...more })
const own = (uid: string) => pod({ hostUsers: false }, { uid })
const range = (n: number) => ({ hostId: n * 65_536, containerId: 0, length: 65_536 })
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'userns-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

test('each pod has a range of its own, the same after the kubelet was started again', async () => {
  const manager = create()
  expect(await manager.of(pod({ hostUsers: true }), '')).toBeUndefined()
  expect(await manager.of(pod(), '')).toBeUndefined()
  expect(await manager.of(own('a'), '')).toEqual({ mode: 'POD', uids: [range(1)], gids: [range(1)] })
  expect((await manager.of(own('b'), ''))?.uids).toEqual([range(2)])
  await expect(manager.of(own('c'), '')).rejects.toThrow('create user namespace: could not find an empty slot to allocate a user namespace')
  expect(JSON.parse(readFileSync(join(dir, 'a/userns'), 'utf8'))).toEqual({ uidMappings: [range(1)], gidMappings: [range(1)] })
  const again = create()
  expect((await again.of(own('b'), ''))?.uids).toEqual([range(2)])
  await again.release('a')
  expect(existsSync(join(dir, 'a/userns'))).toBe(false)
  expect((await again.of(own('c'), ''))?.uids).toEqual([range(1)])
})

test('a runtime that cannot, a file that is not right', async () => {
  await expect(create({ supports: async () => false }).of(own('a'), '')).rejects.toThrow("can't set `spec.hostUsers: false`, runtime does not support user namespaces")
  await expect(create().of(own('a'), 'old')).rejects.toThrow('can\'t set `spec.hostUsers: false`, RuntimeClass handler "old" does not support user namespaces')
  const manager = create()
  await systemFiles.makeDir(join(dir, 'a'), 0o755)
  await systemFiles.write(join(dir, 'a/userns'), '{"uidMappings":[{"hostId":1,"containerId":0,"length":5}],"gidMappings":[]}', 0o600)
  await expect(manager.of(own('a'), '')).rejects.toThrow('user namespace: wrong user namespace length 5')
})

test('sandbox, container and mounts have it', () => {
  const users = { mode: 'POD' as const, uids: [range(1)], gids: [range(1)] }
  const securityContext = { namespaceOptions: { network: 'POD', pid: 'POD', ipc: 'POD' } }
  const sandbox = { linux: { securityContext } } as unknown as SandboxConfig
  expect(sandboxWithUsers(sandbox, users).linux.securityContext.namespaceOptions).toEqual({ ...securityContext.namespaceOptions, usernsOptions: users })
  const container = containerWithUsers({ mounts: [{ containerPath: '/a', hostPath: '/b' }], linux: { securityContext } } as unknown as ContainerConfig, users)
  expect(container).toMatchObject({ mounts: [{ containerPath: '/a', uidMappings: [range(1)], gidMappings: [range(1)] }], linux: { securityContext: { namespaceOptions: { usernsOptions: users } } } })
  expect(sandboxWithUsers(sandbox, undefined)).toBe(sandbox)
})
