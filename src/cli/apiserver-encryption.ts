/** --encryption-provider-config: read at the start, and again when it changes if it may. */
import { EncryptionHolder, parseEncryption } from '../apiserver/encryption/configuration.ts'
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
  /** Looks at the file from time to time, until the environment's tasks end. */
  follow(store: Pick<KVStore, 'revision'>, everyMs?: number): void
}

/** Undefined without a file. Throws UsageError for one that is wrong. */
export function encryptionFrom(env: Env, flags: FlagValues, readFile: ReadFile): EncryptionFile | undefined {
  const path = flags.string(flag) ?? ''
  if (path === '') {
    if (flags.bool(reloadFlag)) throw new UsageError(`--${reloadFlag} must be set with --${flag}`)
    return undefined
  }
  const random = (length: number) => env.random.bytes(length)
  const text = readFile(path, flag)
  let holder: EncryptionHolder
  try {
    holder = new EncryptionHolder(parseEncryption(text, random))
  } catch (error) {
    throw new UsageError(`--${flag}: error while parsing file: ${(error as Error).message}`)
  }
  return {
    holder,
    follow(store, everyMs = lookEveryMs) {
      if (!flags.bool(reloadFlag)) return
      const load = async (next: string): Promise<void> => {
        const parsed = parseEncryption(next, random)
        holder.replace(parsed, await store.revision())
      }
      followFile(env, { what: 'encryption configuration', read: () => readFile(path, flag), load, everyMs }, text)
    },
  }
}
