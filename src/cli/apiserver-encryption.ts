/** --encryption-provider-config: read at the start, and again when it changes if it may. */
import { EncryptionHolder, parseEncryption } from '../apiserver/encryption/configuration.ts'
import type { KVStore } from '../apiserver/storage/store.ts'
import type { Env } from '../base/env.ts'
import { type FlagValues, UsageError } from './command.ts'

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
  let text = readFile(path, flag)
  let holder: EncryptionHolder
  try {
    holder = new EncryptionHolder(parseEncryption(text, random))
  } catch (error) {
    throw new UsageError(`--${flag}: error while parsing file: ${(error as Error).message}`)
  }
  const look = async (store: Pick<KVStore, 'revision'>): Promise<void> => {
    try {
      const next = readFile(path, flag)
      if (next === text) return
      const parsed = parseEncryption(next, random)
      holder.replace(parsed, await store.revision())
      text = next
      env.log.info('the encryption configuration was read again')
    } catch (error) {
      env.log.error('the encryption configuration cannot be read again; the old one stays', { error: error instanceof Error ? error.message : String(error) })
    }
  }
  return {
    holder,
    follow(store, everyMs = lookEveryMs) {
      if (!flags.bool(reloadFlag)) return
      env.tasks.go('encryption configuration', async (signal) => {
        while (!signal.aborted) {
          await env.clock.sleep(everyMs, signal).catch(() => undefined)
          if (!signal.aborted) await look(store)
        }
      })
    },
  }
}
