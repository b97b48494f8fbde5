/** A storage driver for tests: a real socket, calls remembered, nothing mounted. */
import { rmSync } from 'node:fs'
import grpc from '@grpc/grpc-js'
import { rpcServices } from '../rpc/client.ts'
import csiProtocol from '../rpc/generated/csi.json' with { type: 'json' }
import registrationProtocol from '../rpc/generated/registration.json' with { type: 'json' }

export interface DriverCall {
  readonly method: string
  readonly request: Record<string, unknown>
}

export interface TestDriver {
  /** Without the questions for capabilities. */
  readonly calls: DriverCall[]
  readonly registrations: { pluginRegistered: boolean; error: string }[]
  /** Answers the next call of a method with an error. */
  failNext(method: string, code: grpc.status, details: string): void
  stop(): Promise<void>
}

export interface TestDriverOptions {
  readonly name: string
  readonly socket: string
  readonly nodeId?: string
  readonly maxVolumes?: number
  readonly topology?: Readonly<Record<string, string>>
  readonly capabilities?: readonly string[]
  readonly versions?: readonly string[]
}

type Handler = grpc.handleUnaryCall<Record<string, unknown>, unknown>

/** Serves registration and driver on one socket. */
export async function startTestDriver(options: TestDriverOptions): Promise<TestDriver> {
  const calls: DriverCall[] = []
  const registrations: TestDriver['registrations'] = []
  const failures = new Map<string, { code: grpc.status; details: string }>()
  const capabilities = options.capabilities ?? ['STAGE_UNSTAGE_VOLUME', 'EXPAND_VOLUME', 'GET_VOLUME_STATS']
  const answer = (method: string, response: object): Handler => (call, done) => {
    if (method !== 'NodeGetCapabilities') calls.push({ method, request: call.request })
    const failure = failures.get(method)
    failures.delete(method)
    if (failure !== undefined) return done(failure)
    done(null, response)
  }
  const node: Record<string, Handler> = {
    NodeGetCapabilities: answer('NodeGetCapabilities', { capabilities: capabilities.map((type) => ({ rpc: { type } })) }),
    NodeGetInfo: answer('NodeGetInfo', { nodeId: options.nodeId ?? 'id', maxVolumesPerNode: options.maxVolumes ?? 0, accessibleTopology: { segments: options.topology ?? {} } }),
    NodeGetVolumeStats: answer('NodeGetVolumeStats', { usage: [{ unit: 'BYTES', total: 100, used: 40, available: 60 }] }),
  }
  for (const method of ['NodeStageVolume', 'NodeUnstageVolume', 'NodePublishVolume', 'NodeUnpublishVolume', 'NodeExpandVolume']) node[method] = answer(method, {})
  const registration: Record<string, Handler> = {
    GetInfo: (_, done) => done(null, { type: 'CSIPlugin', name: options.name, endpoint: options.socket, supportedVersions: options.versions ?? ['1.0.0'] }),
    NotifyRegistrationStatus(call, done) {
      registrations.push(call.request as unknown as TestDriver['registrations'][number])
      done(null, {})
    },
  }
  const server = new grpc.Server()
  server.addService(rpcServices(csiProtocol, ['csi', 'v1']).Node!.service, node)
  server.addService(rpcServices(registrationProtocol, ['pluginregistration']).Registration!.service, registration)
  await new Promise<void>((resolve, reject) => server.bindAsync(`unix://${options.socket}`, grpc.ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))))
  return {
    calls, registrations,
    failNext: (method, code, details) => void failures.set(method, { code, details }),
    async stop() {
      server.forceShutdown()
      rmSync(options.socket, { force: true })
    },
  }
}
