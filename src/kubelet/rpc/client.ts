/** gRPC on unix sockets, with protocols read from generated JSON: the runtime's, storage drivers', device plugins'. */
import grpc from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { RpcError, rpcCode } from './error.ts'

export interface CallOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface RpcClient {
  /** Throws RpcError; rejects with the signal's reason when it is aborted. */
  call<R>(method: string, request: object, options?: CallOptions): Promise<R>
  stream(method: string, request: object, signal: AbortSignal): AsyncIterable<unknown>
  close(): void
}

export interface RpcClientOptions {
  /** Where a call names no limit of its own. ms. */
  readonly timeoutMs: number
  readonly fail?: (code: number, message: string, details: string) => RpcError
}

type Protocol = Parameters<typeof fromJSON>[0]
type Constructors = Record<string, grpc.ServiceClientConstructor>

const maxMessage = 16 * 1024 * 1024
const defaultFail = (code: number, message: string, details: string) => new RpcError(code, message, details)

/** The services of a protocol by name; `path` leads to its package. */
export function rpcServices(protocol: unknown, path: readonly string[]): Constructors {
  let at: unknown = grpc.loadPackageDefinition(fromJSON(protocol as Protocol, { longs: Number, enums: String, defaults: true, bytes: Buffer }))
  for (const name of path) at = (at as Record<string, unknown>)[name]
  return at as Constructors
}

/** "unix:///run/x.sock" or a path. Nothing is sent before the first call. */
export function connectRpc(Client: grpc.ServiceClientConstructor, socket: string, options: RpcClientOptions): RpcClient {
  const fail = options.fail ?? defaultFail
  const client = new Client(socket.includes(':') ? socket : `unix://${socket}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessage,
    'grpc.max_send_message_length': maxMessage,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 3000,
    'grpc.enable_http_proxy': 0,
    // Two connections to one socket must not share a channel: a driver may come back behind the same path.
    'grpc.use_local_subchannel_pool': 1,
  })
  const methods = client as unknown as Record<string, (...args: unknown[]) => grpc.ClientUnaryCall>
  return {
    call: <R>(method: string, request: object, { timeoutMs = options.timeoutMs, signal }: CallOptions = {}) => new Promise<R>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const deadline = timeoutMs === Infinity ? Infinity : Date.now() + timeoutMs
      const call = methods[method]!.call(client, request, { deadline }, (error: grpc.ServiceError | null, response: unknown) => {
        signal?.removeEventListener('abort', cancel)
        if (error === null) return resolve(response as R)
        if (signal?.aborted) return reject(signal.reason as Error)
        reject(fail(error.code, `rpc error: code = ${codeName(error.code)} desc = ${error.details}`, error.details))
      })
      const cancel = () => call.cancel()
      signal?.addEventListener('abort', cancel, { once: true })
    }),
    async *stream(method, request, signal) {
      const call = methods[method]!.call(client, request) as unknown as grpc.ClientReadableStream<unknown>
      const cancel = () => call.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      try {
        for await (const message of call) yield message
      } catch (error) {
        if (signal.aborted) return
        const { code, details } = error as grpc.ServiceError
        throw fail(code ?? rpcCode.unknown, details ?? String(error), details ?? String(error))
      } finally {
        signal.removeEventListener('abort', cancel)
        call.cancel()
      }
    },
    close: () => client.close(),
  }
}

/** "DeadlineExceeded" as Go prints the code. */
function codeName(code: number): string {
  const name = grpc.status[code] ?? 'UNKNOWN'
  return name.toLowerCase().replaceAll(/(^|_)([a-z])/g, (_, _sep, letter: string) => letter.toUpperCase())
}
