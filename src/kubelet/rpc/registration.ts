import type { PluginInfo, RegistrationSocket } from '../plugins/contract.ts'
import { connectRpc, rpcServices } from './client.ts'
import protocol from './generated/registration.json' with { type: 'json' }

const infoMs = 1000
const notifyMs = 5000

/** A plugin's registration service. Upstream: pluginmanager/operationexecutor. */
export function connectRegistration(socket: string): RegistrationSocket {
  const { Registration } = rpcServices(protocol, ['pluginregistration'])
  const { call, close } = connectRpc(Registration!, socket, { timeoutMs: infoMs })
  return {
    close,
    info: () => call<PluginInfo>('GetInfo', {}),
    async notify(pluginRegistered, error) {
      await call('NotifyRegistrationStatus', { pluginRegistered, error }, { timeoutMs: notifyMs })
    },
  }
}
