/** Where exec, attach and port-forward of a pod are served by the runtime. Upstream: kubelet_pods.go GetExec, GetAttach, GetPortForward. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { RuntimeService } from '../cri/contract.ts'
import { findContainer, podFullName, podUid } from '../pod.ts'
import { containerNameLabel, podUidLabel } from '../runtime/labels.ts'
import type { StreamChoice } from './translate.ts'

export type StreamKind = 'exec' | 'attach' | 'portForward'

export interface StreamTarget {
  readonly kind: StreamKind
  readonly namespace: string
  readonly pod: string
  readonly uid: string | undefined
  readonly container: string
}

/** "/exec/<ns>/<pod>[/<uid>]/<container>", "/portForward/<ns>/<pod>[/<uid>]". */
export function parseStreamPath(path: string): StreamTarget | undefined {
  const [, kind, namespace, pod, ...rest] = path.split('/').map(decodeURIComponent)
  if (namespace === undefined || pod === undefined || pod === '') return undefined
  if (kind === 'portForward' && rest.length <= 1) return { kind, namespace, pod, uid: rest[0], container: '' }
  if ((kind !== 'exec' && kind !== 'attach') || rest.length === 0 || rest.length > 2) return undefined
  return { kind, namespace, pod, uid: rest.length === 2 ? rest[0] : undefined, container: rest.at(-1)! }
}

/** A refusal with its HTTP status. */
export class StreamError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const isOn = (query: URLSearchParams, ...names: string[]) => names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''))

export interface RuntimeStream {
  readonly runtimeUrl: string
  /** Which streams were asked for; undefined for port-forward. */
  readonly choice?: StreamChoice
}

/** The runtime's URL. Throws StreamError. */
export async function runtimeStream(runtime: RuntimeService, pod: Pod, target: StreamTarget, query: URLSearchParams): Promise<RuntimeStream> {
  if (target.uid !== undefined && target.uid !== podUid(pod)) throw new StreamError(404, 'pod does not exist')
  if (target.kind === 'portForward') {
    const sandboxes = await runtime.listPodSandbox({ labelSelector: { [podUidLabel]: podUid(pod) }, state: { state: 'SANDBOX_READY' } })
    const newest = sandboxes.sort((a, b) => b.createdAt - a.createdAt)[0]
    if (newest === undefined) throw new StreamError(500, `failed to find sandboxID for pod ${podFullName(pod)}_${podUid(pod)}`)
    const ports = query.getAll('port').flatMap((list) => list.split(',')).map(Number).filter((port) => port > 0)
    return { runtimeUrl: await runtime.portForward(newest.id, ports) }
  }
  const options = streamOptions(query)
  const containers = await runtime.listContainers({
    labelSelector: { [podUidLabel]: podUid(pod), [containerNameLabel]: target.container }, state: { state: 'CONTAINER_RUNNING' },
  })
  const newest = containers.sort((a, b) => b.createdAt - a.createdAt)[0]
  if (newest === undefined) {
    throw new StreamError(500, target.kind === 'exec' ? `container not found (${JSON.stringify(target.container)})` :
      `container ${target.container} not found in pod ${podFullName(pod)}`)
  }
  if (target.kind === 'exec') {
    return { runtimeUrl: await runtime.exec({ ...options, containerId: newest.id }, query.getAll('command')), choice: options }
  }
  // Whether there is a terminal was settled when the container was made.
  const tty = findContainer(pod, target.container)?.container.tty === true
  const choice = { ...options, tty, stderr: options.stderr && !tty }
  return { runtimeUrl: await runtime.attach({ ...choice, containerId: newest.id }), choice }
}

function streamOptions(query: URLSearchParams): StreamChoice {
  const tty = isOn(query, 'tty')
  const options = {
    tty, stdin: isOn(query, 'input', 'stdin'), stdout: isOn(query, 'output', 'stdout'), stderr: isOn(query, 'error', 'stderr') && !tty,
  }
  if (!options.stdin && !options.stdout && !options.stderr) throw new StreamError(400, 'you must specify at least 1 of stdin, stdout, stderr')
  return options
}
