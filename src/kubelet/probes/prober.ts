/** One run of a probe. Upstream: pkg/kubelet/prober/prober.go, pkg/probe. */
import type { Probe } from '../../api/generated/types/core-v1.ts'
import type { ProbeResult } from '../actions.ts'
import { CriError, type RuntimeService } from '../cri/contract.ts'
import { rpcCode } from '../rpc/error.ts'
import type { HostNetwork } from '../host/contract.ts'
import type { AnyContainer } from '../pod.ts'
import { expand } from '../runtime/expansion.ts'
import { httpActionRequest, resolvePort } from '../runtime/http-action.ts'

export type ProbeType = 'Readiness' | 'Liveness' | 'Startup'

export interface ProbeOutcome {
  readonly result: ProbeResult
  /** Text for an event; undefined when it went well. */
  readonly event?: { reason: 'Unhealthy' | 'ProbeWarning'; message: string }
  /** The probe itself could not be run: the result does not count. */
  readonly errored?: boolean
}

export interface ProbeTarget {
  readonly container: AnyContainer
  readonly containerId: string
  readonly podIp: string
}

const tries = 3
const maxOutput = 10 * 1024

interface Raw {
  readonly result: ProbeResult | 'warning'
  readonly output: string
}

/** Never rejects, except when the signal is aborted. */
export async function runProbe(
  type: ProbeType, probe: Probe, target: ProbeTarget, runtime: RuntimeService, network: HostNetwork, signal: AbortSignal,
): Promise<ProbeOutcome> {
  let failure: Error | undefined
  for (let i = 0; i < tries; i++) {
    try {
      const { result, output } = await once(probe, target, runtime, network, signal)
      if (result === 'warning') return { result: 'success', event: { reason: 'ProbeWarning', message: `${type} probe warning: ${output}` } }
      if (result === 'success') return { result }
      return { result, event: { reason: 'Unhealthy', message: `${type} probe failed: ${output}` } }
    } catch (error) {
      signal.throwIfAborted()
      failure = error as Error
    }
  }
  return { result: 'failure', errored: true, event: { reason: 'Unhealthy', message: `${type} probe errored and resulted in unknown state: ${failure!.message}` } }
}

/** Throws when the probe cannot be run at all. */
async function once(probe: Probe, { container, containerId, podIp }: ProbeTarget, runtime: RuntimeService, network: HostNetwork, signal: AbortSignal): Promise<Raw> {
  const timeoutSeconds = probe.timeoutSeconds ?? 1
  const timeoutMs = timeoutSeconds * 1000
  if (probe.exec !== undefined) {
    const env = new Map((container.env ?? []).filter(({ value }) => value !== undefined).map(({ name, value }) => [name, value!]))
    const command = (probe.exec.command ?? []).map((word) => expand(word, (name) => env.get(name)))
    try {
      const { exitCode, stdout, stderr } = await runtime.execSync(containerId, command, timeoutSeconds, signal)
      const output = Buffer.concat([stdout, stderr]).subarray(0, maxOutput).toString('utf8')
      return { result: exitCode === 0 ? 'success' : 'failure', output }
    } catch (error) {
      if (!(error instanceof CriError) || error.code !== rpcCode.deadlineExceeded) throw error
      return { result: 'failure', output: `command timed out: "${command.join(' ')}" timed out after ${timeoutSeconds}s` }
    }
  }
  if (probe.httpGet !== undefined) {
    const request = httpActionRequest(probe.httpGet, container, podIp, 'probe', timeoutMs)
    try {
      const { status, body } = await network.httpGet(request)
      if (status >= 200 && status < 300) return { result: 'success', output: body }
      if (status >= 300 && status < 400) return { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` }
      return { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` }
    } catch (error) {
      return { result: 'failure', output: (error as Error).message }
    }
  }
  if (probe.tcpSocket !== undefined) {
    const { host = '', port } = probe.tcpSocket
    const number = resolvePort(port, container)
    return attempt(() => network.dial(host === '' ? podIp : host, number, timeoutMs))
  }
  if (probe.grpc !== undefined) {
    const { port, service = '' } = probe.grpc
    return attempt(async () => {
      const status = await network.grpcHealth(podIp, port, service, timeoutMs)
      if (status !== 'SERVING') throw new Error(`service unhealthy (responded with "${status}")`)
    })
  }
  throw new Error(`missing probe handler for ${container.name}`)
}

async function attempt(work: () => Promise<void>): Promise<Raw> {
  try {
    await work()
    return { result: 'success', output: '' }
  } catch (error) {
    return { result: 'failure', output: (error as Error).message }
  }
}
