/** The key management service behind a unix socket: k8s.io/kms/apis/v2 over gRPC. */
import grpc from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import type { KmsService } from '../provider.ts'

const bytesMap = (id: number) => ({ keyType: 'string', type: 'bytes', id })

/** The protocol's facts, in the form that protobuf.js reads. */
const kmsProtocol: unknown = {
  nested: { v2: { nested: {
    KeyManagementService: { methods: {
      Status: { requestType: 'StatusRequest', responseType: 'StatusResponse' },
      Decrypt: { requestType: 'DecryptRequest', responseType: 'DecryptResponse' },
      Encrypt: { requestType: 'EncryptRequest', responseType: 'EncryptResponse' },
    } },
    StatusRequest: { fields: {} },
    StatusResponse: { fields: { version: { type: 'string', id: 1 }, healthz: { type: 'string', id: 2 }, keyId: { type: 'string', id: 3 } } },
    DecryptRequest: { fields: { ciphertext: { type: 'bytes', id: 1 }, uid: { type: 'string', id: 2 }, keyId: { type: 'string', id: 3 }, annotations: bytesMap(4) } },
    DecryptResponse: { fields: { plaintext: { type: 'bytes', id: 1 } } },
    EncryptRequest: { fields: { plaintext: { type: 'bytes', id: 1 }, uid: { type: 'string', id: 2 } } },
    EncryptResponse: { fields: { ciphertext: { type: 'bytes', id: 1 }, keyId: { type: 'string', id: 2 }, annotations: bytesMap(3) } },
  } } },
}

/** The service's client constructor, which also describes it to a server. */
export function kmsClient(): grpc.ServiceClientConstructor {
  const loaded = grpc.loadPackageDefinition(fromJSON(kmsProtocol as Parameters<typeof fromJSON>[0], { longs: Number, defaults: true, bytes: Buffer }))
  return (loaded['v2'] as unknown as Record<string, grpc.ServiceClientConstructor>)['KeyManagementService']!
}

type Call = (request: object, options: object, done: (error: grpc.ServiceError | null, answer: unknown) => void) => void

/** `endpoint`: "unix:///run/kms.sock". Nothing is sent before the first call; calls wait for a service that comes back. */
export function connectKms(endpoint: string, timeoutMs: number): KmsService {
  const client = new (kmsClient())(endpoint, grpc.credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1, 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 3000,
  })
  const call = <R>(method: string, request: object): Promise<R> => new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + timeoutMs };
    (client as unknown as Record<string, Call>)[method]!(request, options, (error, answer) => {
      if (error === null) resolve(answer as R)
      else reject(new Error(`rpc error: code = ${grpc.status[error.code] ?? 'UNKNOWN'} desc = ${error.details}`))
    })
  })
  return {
    async status() {
      const { version, healthz, keyId } = await call<{ version: string; healthz: string; keyId: string }>('Status', {})
      return { version, healthz, keyID: keyId }
    },
    async encrypt(plaintext, uid) {
      const { ciphertext, keyId, annotations } = await call<{ ciphertext: Buffer; keyId: string; annotations: Record<string, Buffer> }>('Encrypt', { plaintext, uid })
      return { ciphertext, keyID: keyId, annotations }
    },
    decrypt: async ({ keyID, ...request }) => (await call<{ plaintext: Buffer }>('Decrypt', { ...request, keyId: keyID })).plaintext,
    close: () => client.close(),
  }
}
