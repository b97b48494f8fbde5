/** A device driver's socket. Upstream: pkg/kubelet/cm/dra/plugin. */
import type { DraDriver, PreparedDevice } from '../dra/contract.ts'
import { connectRpc, rpcServices } from './client.ts'
import protocol from './generated/dra.json' with { type: 'json' }

const callMs = 45_000
const packagePath = 'k8s.io.kubelet.pkg.apis.dra'

/** v1beta1 has the same messages under another name of the package. */
function serviceOf(service: string) {
  const version = service.split('.')[0]!
  if (version === 'v1') return rpcServices(protocol, `${packagePath}.v1`.split('.')).DRAPlugin!
  const renamed = JSON.parse(JSON.stringify(protocol).replace('"v1":{"nested"', `"${version}":{"nested"`)) as unknown
  return rpcServices(renamed, `${packagePath}.${version}`.split('.')).DRAPlugin!
}

export function connectDra(socket: string, service: string): DraDriver {
  const { call, close } = connectRpc(serviceOf(service), socket, { timeoutMs: callMs })
  return {
    close,
    prepare: async (claims) => (await call<{ claims: Record<string, { devices: PreparedDevice[]; error: string }> }>('NodePrepareResources', { claims: [...claims] })).claims,
    unprepare: async (claims) => (await call<{ claims: Record<string, { error: string }> }>('NodeUnprepareResources', { claims: [...claims] })).claims,
  }
}
