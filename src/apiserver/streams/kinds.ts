/** Which subresources are streams to a kubelet or a backend, rather than objects. */
import type { RequestInfo } from '../handler.ts'

const streams: Readonly<Record<string, ReadonlySet<string>>> = {
  pods: new Set(['exec', 'attach', 'portforward', 'log', 'proxy']),
  services: new Set(['proxy']),
  nodes: new Set(['proxy']),
}

export function isStreamSubresource(info: RequestInfo): boolean {
  return info.apiGroup === '' && info.apiVersion === 'v1' && (streams[info.resource]?.has(info.subresource) ?? false)
}
