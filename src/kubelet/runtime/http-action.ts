/** HTTP requests of probes and lifecycle hooks. Pure. Upstream: pkg/probe/http/request.go, pkg/probe/util.go. */
import type { HTTPGetAction } from '../../api/generated/types/core-v1.ts'
import type { HttpProbeRequest } from '../host/contract.ts'
import type { AnyContainer } from '../pod.ts'

/** A port by number or by the name it has in the container. Throws with upstream's text. */
export function resolvePort(port: number | string, container: AnyContainer): number {
  let number = typeof port === 'number' ? port : (container.ports ?? []).find(({ name }) => name === port)?.containerPort
  if (number === undefined && /^\d+$/.test(String(port))) number = Number(port)
  if (number === undefined) throw new Error(`couldn't find port: ${port} for container ${container.name}`)
  if (number <= 0 || number >= 65536) throw new Error(`invalid port number: ${number}`)
  return number
}

/** `agent` is "probe" or "lifecycle", for the User-Agent. */
export function httpActionRequest(action: HTTPGetAction, container: AnyContainer, podIp: string, agent: string, timeoutMs: number): HttpProbeRequest {
  const given = action.httpHeaders ?? []
  const has = (name: string) => given.some((header) => header.name.toLowerCase() === name)
  const headers = given.filter(({ name, value }) => !(name.toLowerCase() === 'accept' && value === '') && !(name.toLowerCase() === 'user-agent' && value === ''))
  if (!has('user-agent')) headers.push({ name: 'User-Agent', value: `kube-${agent}/1.36` })
  if (!has('accept')) headers.push({ name: 'Accept', value: '*/*' })
  const path = action.path ?? '/'
  return {
    scheme: action.scheme === 'HTTPS' ? 'https' : 'http', host: (action.host ?? '') === '' ? podIp : action.host!,
    port: resolvePort(action.port, container), path: path.startsWith('/') ? path : `/${path}`, headers: [...headers], timeoutMs,
  }
}
