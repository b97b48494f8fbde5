/** A key management service for tests: it answers on a unix socket, and its keys are names. */
import grpc from '@grpc/grpc-js'
import { kmsClient } from './service.ts'

export interface TestKms {
  /** Seals from now on. */
  keyID: string
  /** What Status says. */
  healthz: string
  /** How often it was asked to open something. */
  opened: number
  stop(): void
}

type Answer = grpc.sendUnaryData<object>
interface Request { plaintext: Buffer; ciphertext: Buffer; keyId: string; annotations: Record<string, Buffer> }

const note = 'used.kms.example'

/** Rejects when the socket is taken. */
export async function startTestKms(path: string, keyID = 'key-1'): Promise<TestKms> {
  const server = new grpc.Server()
  const kms: TestKms = { keyID, healthz: 'ok', opened: 0, stop: () => server.forceShutdown() }
  const turned = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte) => byte ^ 0x5a))
  server.addService(kmsClient().service, {
    Status: (_call: unknown, done: Answer) => done(null, { version: 'v2', healthz: kms.healthz, keyId: kms.keyID }),
    Encrypt: ({ request }: { request: Request }, done: Answer) => done(null, { ciphertext: turned(request.plaintext), keyId: kms.keyID, annotations: { [note]: Buffer.from(kms.keyID) } }),
    Decrypt({ request }: { request: Request }, done: Answer) {
      kms.opened++
      if (request.annotations[note]?.toString() !== request.keyId) done({ code: grpc.status.INVALID_ARGUMENT, details: 'the annotations are not those of the key' })
      else done(null, { plaintext: turned(request.ciphertext) })
    },
  })
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${path}`, grpc.ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error)))
  })
  return kms
}
