/** Lifecycle hooks. Upstream: pkg/kubelet/lifecycle/handlers.go. */
import type { Clock } from '../../base/env.ts'
import type { LifecycleHandler, Pod } from '../../api/generated/types/core-v1.ts'
import { goQuote } from '../../api/meta/go-text.ts'
import type { RuntimeService } from '../cri/contract.ts'
import type { HostNetwork } from '../host/contract.ts'
import { type AnyContainer, formatPod } from '../pod.ts'
import { httpActionRequest } from './http-action.ts'

export interface HookTarget {
  readonly pod: Pod
  readonly container: AnyContainer
  readonly containerId: string
  readonly podIp: string | undefined
}

export interface HookRunner {
  /** Resolves when it has run; throws Error with the text for the container's status. */
  run(handler: LifecycleHandler, target: HookTarget, signal: AbortSignal): Promise<void>
}

const httpTimeoutMs = 30_000

export function createHookRunner(clock: Clock, runtime: RuntimeService, network: HostNetwork): HookRunner {
  return {
    async run(handler, { pod, container, containerId, podIp }, signal) {
      const where = `for Container "${container.name}" in Pod "${formatPod(pod)}" failed - error:`
      if (handler.exec !== undefined) {
        const command = handler.exec.command ?? []
        const result = await runtime.execSync(containerId, command, 0, signal)
        if (result.exitCode === 0) return
        const output = Buffer.concat([result.stdout, result.stderr]).toString('utf8')
        throw new Error(`Exec lifecycle hook ([${command.join(' ')}]) ${where} command '${command.join(' ')}' exited with ${result.exitCode}: ${output}, message: ${goQuote(output)}`)
      }
      if (handler.httpGet !== undefined) {
        try {
          if ((handler.httpGet.host ?? '') === '' && podIp === undefined) throw new Error('failed to find networking container')
          const request = httpActionRequest(handler.httpGet, container, podIp ?? '', 'lifecycle', httpTimeoutMs)
          await callHttp(network, request)
          return
        } catch (error) {
          throw new Error(`HTTP lifecycle hook (${handler.httpGet.path ?? ''}) ${where} ${(error as Error).message}`, { cause: error })
        }
      }
      if (handler.sleep !== undefined) return clock.sleep(handler.sleep.seconds * 1000, signal)
      throw new Error('Cannot run handler: invalid handler')
    },
  }
}

/** A server that speaks plain HTTP on a port named HTTPS is called again without TLS. The answer's status does not matter. */
async function callHttp(network: HostNetwork, request: Parameters<HostNetwork['httpGet']>[0]): Promise<void> {
  try {
    await network.httpGet(request)
  } catch (error) {
    if (request.scheme !== 'https' || !/wrong version number|packet length too long/i.test((error as Error).message)) throw error
    await network.httpGet({ ...request, scheme: 'http' })
  }
}
