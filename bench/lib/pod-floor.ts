/** What the runtime alone takes for a pod, without any kubelet: the least that a start can take on this machine. */
import type { ContainerConfig, Cri, SandboxConfig } from '../../src/kubelet/cri/contract.ts'

export interface PodFloor {
  readonly startSeconds: number
  readonly stopSeconds: number
}

/** Sandbox, container and their start, one call after the other; then their end. */
export async function podFloor({ runtime }: Cri, image: string, logDirectory: string, unique: string): Promise<PodFloor> {
  const name = `floor-${unique}`
  const sandbox = { metadata: { name, uid: name, namespace: 'floor', attempt: 0 }, hostname: name, logDirectory, labels: {}, annotations: {}, linux: { securityContext: {} } } as unknown as SandboxConfig
  const config = {
    metadata: { name: 'c', attempt: 0 }, image: { image }, command: ['sleep', '100000'], args: [], envs: [], mounts: [], labels: {}, annotations: {}, logPath: 'c.log', linux: { securityContext: {} },
  } as unknown as ContainerConfig
  const began = performance.now()
  const id = await runtime.runPodSandbox(sandbox, '')
  const container = await runtime.createContainer(id, config, sandbox)
  await runtime.startContainer(container)
  const started = performance.now()
  await runtime.stopContainer(container, 0)
  await runtime.stopPodSandbox(id)
  await runtime.removePodSandbox(id)
  return { startSeconds: (started - began) / 1000, stopSeconds: (performance.now() - started) / 1000 }
}
