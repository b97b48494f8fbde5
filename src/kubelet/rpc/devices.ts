/** Device plugins' sockets, and the one where they register. Upstream: pkg/kubelet/cm/devicemanager/plugin/v1beta1. */
import grpc from '@grpc/grpc-js'
import type { Device, DeviceAllocation, DevicePlugin, DevicePluginOptions, RegisterRequest, ServeDeviceRegistration } from '../devices/contract.ts'
import { connectRpc, rpcServices } from './client.ts'
import protocol from './generated/deviceplugin.json' with { type: 'json' }

const callMs = 10_000
const preStartMs = 30_000

export function connectDevicePlugin(socket: string): DevicePlugin {
  const { call, stream, close } = connectRpc(rpcServices(protocol, ['v1beta1']).DevicePlugin!, socket, { timeoutMs: callMs })
  return {
    close,
    options: () => call<DevicePluginOptions>('GetDevicePluginOptions', {}),
    async *watch(signal) {
      for await (const message of stream('ListAndWatch', {}, signal)) yield (message as { devices: Device[] }).devices
    },
    async allocate(ids) {
      const { containerResponses } = await call<{ containerResponses: DeviceAllocation[] }>('Allocate', { containerRequests: [{ devicesIds: [...ids] }] })
      const [answer] = containerResponses
      if (answer === undefined) throw new Error('no containers in return allocation response')
      return answer
    },
    async preferred(available, mustInclude, size) {
      const { containerResponses } = await call<{ containerResponses: { deviceIDs: string[] }[] }>('GetPreferredAllocation', {
        containerRequests: [{ availableDeviceIDs: [...available], mustIncludeDeviceIDs: [...mustInclude], allocationSize: size }],
      })
      return containerResponses[0]?.deviceIDs ?? []
    },
    async preStart(ids) {
      await call('PreStartContainer', { devicesIds: [...ids] }, { timeoutMs: preStartMs })
    },
  }
}

export const serveDeviceRegistration: ServeDeviceRegistration = async (socket, register) => {
  const server = new grpc.Server()
  const handler: grpc.handleUnaryCall<RegisterRequest, object> = (call, done) => {
    try {
      register(call.request)
      done(null, {})
    } catch (error) {
      done({ code: grpc.status.UNKNOWN, details: (error as Error).message })
    }
  }
  server.addService(rpcServices(protocol, ['v1beta1']).Registration!.service, { Register: handler })
  await new Promise<void>((resolve, reject) => server.bindAsync(`unix://${socket}`, grpc.ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))))
  return { close: () => server.forceShutdown() }
}
