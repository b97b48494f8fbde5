/** A device driver's socket. Upstream: pkg/kubelet/cm/dra/plugin. */
import type { DeviceReport, DraDriver, PreparedDevice } from '../dra/contract.ts'
import { connectRpc, rpcServices } from './client.ts'
import protocol from './generated/dra.json' with { type: 'json' }
import healthProtocol from './generated/dra-health.json' with { type: 'json' }

const callMs = 45_000
const packagePath = 'k8s.io.kubelet.pkg.apis.dra'

/** v1beta1 has the same messages under another name of the package. */
function serviceOf(service: string) {
  const version = service.split('.')[0]!
  if (version === 'v1') return rpcServices(protocol, `${packagePath}.v1`.split('.')).DRAPlugin!
  const renamed = JSON.parse(JSON.stringify(protocol).replace('"v1":{"nested"', `"${version}":{"nested"`)) as unknown
  return rpcServices(renamed, `${packagePath}.${version}`.split('.')).DRAPlugin!
}

interface HealthMessage {
  readonly devices: readonly {
    readonly device: { readonly poolName: string; readonly deviceName: string } | null
    readonly health: DeviceReport['health']
    readonly healthCheckTimeoutSeconds: number
    readonly message: string
  }[]
}

const reportsOf = ({ devices }: HealthMessage): DeviceReport[] => devices.map(({ device, health, healthCheckTimeoutSeconds, message }) => ({
  poolName: device?.poolName ?? '', deviceName: device?.deviceName ?? '', health, timeoutSeconds: healthCheckTimeoutSeconds, message,
}))

export function connectDra(socket: string, service: string): DraDriver {
  const { call, close } = connectRpc(serviceOf(service), socket, { timeoutMs: callMs })
  const health = connectRpc(rpcServices(healthProtocol, ['v1alpha1']).DRAResourceHealth!, socket, { timeoutMs: callMs })
  return {
    close() {
      close()
      health.close()
    },
    async *watchHealth(signal) {
      for await (const message of health.stream('NodeWatchResources', {}, signal)) yield reportsOf(message as HealthMessage)
    },
    prepare: async (claims) => (await call<{ claims: Record<string, { devices: PreparedDevice[]; error: string }> }>('NodePrepareResources', { claims: [...claims] })).claims,
    unprepare: async (claims) => (await call<{ claims: Record<string, { error: string }> }>('NodeUnprepareResources', { claims: [...claims] })).claims,
  }
}
