import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestContainerd, busyboxImage, startContainerd, whyNoContainerd } from '../testing/containerd.ts'
import type { SandboxConfig } from './contract.ts'
import { CriError, isCriNotFound } from './contract.ts'
import { rpcCode } from '../rpc/error.ts'
import { connectCri } from './grpc.ts'

describe.skipIf(whyNoContainerd() !== undefined)('CRI over gRPC against containerd', () => {
  let containerd: TestContainerd
  beforeAll(async () => {
    containerd = await startContainerd()
  }, 60_000)
  afterAll(() => containerd?.stop())

  test('a sandbox and a container live and die', async () => {
    const { runtime, images } = containerd.cri
    expect((await runtime.version()).runtimeName).toBe('containerd')
    expect((await runtime.status()).conditions.find((c) => c.type === 'NetworkReady')).toMatchObject({ status: true })
    expect((await images.imageStatus({ image: busyboxImage }))?.repoTags).toEqual([busyboxImage])
    expect(await images.imageStatus({ image: 'coxswain.test/none:1' })).toBeUndefined()
    const logDirectory = join(containerd.dir, 'logs')
    mkdirSync(logDirectory)
    const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const
    const sandbox: SandboxConfig = {
      metadata: { name: 'p', namespace: 'default', uid: 'u1', attempt: 0 }, logDirectory, hostname: 'p',
      labels: { a: 'b' }, annotations: {}, linux: { securityContext: { namespaceOptions } },
    }
    const id = await runtime.runPodSandbox(sandbox, '')
    const status = await runtime.podSandboxStatus(id)
    expect(status).toMatchObject({ state: 'SANDBOX_READY', labels: { a: 'b' }, metadata: { uid: 'u1' } })
    expect(status.network?.ip).toMatch(/^10\.199\./)
    const container = await runtime.createContainer(id, {
      metadata: { name: 'c', attempt: 0 }, image: { image: busyboxImage }, command: ['sh', '-c', 'sleep 1000'], envs: [{ key: 'A', value: 'ä' }],
      mounts: [], labels: {}, annotations: {}, logPath: 'c.log', linux: { securityContext: { namespaceOptions } },
    }, sandbox)
    await runtime.startContainer(container)
    const result = await runtime.execSync(container, ['sh', '-c', 'echo $A; exit 3'], 10)
    expect([Buffer.from(result.stdout).toString(), result.exitCode]).toEqual(['ä\n', 3])
    expect(await runtime.exec({ containerId: container, tty: false, stdin: false, stdout: true, stderr: true }, ['ls'])).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/exec\//)
    await expect(runtime.execSync(container, ['sleep', '100'], 1)).rejects.toMatchObject({ code: rpcCode.deadlineExceeded })
    await runtime.stopContainer(container, 0)
    const ended = await runtime.containerStatus(container)
    expect([ended.state, ended.exitCode]).toEqual(['CONTAINER_EXITED', 137])
    await runtime.stopPodSandbox(id)
    await runtime.removePodSandbox(id)
    await expect(runtime.podSandboxStatus(id)).rejects.toSatisfy(isCriNotFound)
  }, 60_000)
})

test('a runtime that is not there is an error with a code', async () => {
  const cri = connectCri('/nonexistent/socket')
  await expect(cri.runtime.stopContainer('x', -119)).rejects.toBeInstanceOf(CriError)
  cri.close()
})
