/** --encryption-provider-config: read at the start, and again when it changes if it may. */
import { type Encryption, EncryptionHolder, parseEncryption } from '../apiserver/encryption/configuration.ts'
import { connectKms } from '../apiserver/encryption/kms/grpc/service.ts'
import type { KVStore } from '../apiserver/storage/store.ts'
import type { Env } from '../base/env.ts'
import { type FlagValues, UsageError } from './command.ts'
import { followFile } from './followed-file.ts'

type ReadFile = (path: string, flag: string) => string

const flag = 'encryption-provider-config'
const reloadFlag = 'encryption-provider-config-automatic-reload'
/** As often as upstream looks. */
const lookEveryMs = 60_000

export interface EncryptionFile {
  readonly holder: EncryptionHolder
  /** Looks at key management services and, if it may change, at the file from time to time, until the environment's tasks end. */
  follow(store: Pick<KVStore, 'revision'>, everyMs?: number): void
}

/** Undefined without a file. Resolves when key management services were asked once. Throws UsageError for a file that is wrong. */
export async function encryptionFrom(env: Env, flags: FlagValues, readFile: ReadFile): Promise<EncryptionFile | undefined> {
  const path = flags.string(flag) ?? ''
  if (path === '') {
    if (flags.bool(reloadFlag)) throw new UsageError(`--${reloadFlag} must be set with --${flag}`)
    return undefined
  }
  const parse = (text: string): Encryption => parseEncryption(text, (length) => env.random.bytes(length), { clock: env.clock, log: env.log, random: env.random, connect: connectKms })
  const text = readFile(path, flag)
  let first: Encryption
  try {
    first = parse(text)
  } catch (error) {
    throw new UsageError(`--${flag}: error while parsing file: ${(error as Error).message}`)
  }
  await ask(first)
  const holder = new EncryptionHolder(first)
  return {
    holder,
    follow(store, everyMs = lookEveryMs) {
      let followed = new AbortController()
      const followServices = ({ kms }: Encryption, over: AbortSignal): void => {
        for (const provider of kms) {
          // What was stored before is to be written anew by the new key.
          provider.onRotated = async () => holder.replace(holder.current, await store.revision())
          env.tasks.go(`KMS ${provider.name}`, (signal) => provider.follow(AbortSignal.any([signal, over])).finally(() => provider.close()))
        }
      }
      followServices(first, followed.signal)
      if (!flags.bool(reloadFlag)) return
      const load = async (next: string): Promise<void> => {
        const parsed = parse(next)
        await ask(parsed)
        const ill = parsed.kms.find(({ failure }) => failure !== undefined)
        if (ill !== undefined) {
          for (const provider of parsed.kms) provider.close()
          throw new Error(ill.failure)
        }
        holder.replace(parsed, await store.revision())
        followed.abort()
        followed = new AbortController()
        followServices(parsed, followed.signal)
      }
      followFile(env, { what: 'encryption configuration', read: () => readFile(path, flag), load, everyMs }, text)
    },
  }
}

/** A service that is not there yet is no failure: writes fail until it is. */
async function ask({ kms }: Encryption): Promise<void> {
  await Promise.all(kms.map((provider) => provider.check()))
}
