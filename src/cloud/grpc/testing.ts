/** A cloud behind gRPC for tests: an example of what such a program answers. */
import grpc from '@grpc/grpc-js'
import { providerClient } from './protocol.ts'

export interface TestCloudServer {
  readonly calls: { readonly method: string; readonly request: Record<string, unknown> }[]
  /** What the next call of a method answers in the place of its own. */
  readonly answers: Map<string, object | Error>
  stop(): void
}

/** Listens on the unix socket. */
export async function startTestCloud(path: string, info: object = { name: 'test', instances: true, loadBalancers: true, routes: true }): Promise<TestCloudServer> {
  const server = new grpc.Server()
  const calls: TestCloudServer['calls'] = []
  const answers: TestCloudServer['answers'] = new Map(Object.entries({ GetInfo: info }))
  const handlers = Object.keys(providerClient().service).map((method) => [method, ({ request }: { request: Record<string, unknown> }, done: grpc.sendUnaryData<object>) => {
    calls.push({ method, request })
    const answer = answers.get(method) ?? {}
    if (answer instanceof Error) done({ code: grpc.status.UNAVAILABLE, details: answer.message })
    else done(null, answer)
  }])
  server.addService(providerClient().service, Object.fromEntries(handlers) as grpc.UntypedServiceImplementation)
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${path}`, grpc.ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error)))
  })
  return { calls, answers, stop: () => server.forceShutdown() }
}
