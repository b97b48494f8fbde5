/**
 * A key management service as a provider (apiserver/pkg/server/options/encryptionconfig/config.go, kmsv2/envelope.go).
 * Values are encrypted here, by keys derived from a seed; the service encrypts nothing but the seed. What a cache or a
 * request needs is synchronous: seeds that are not known yet are asked for before values are handed on (`prepare`).
 */
import type { Clock, Logger } from '../../../base/env.ts'
import type { Cipher, RandomBytes } from '../providers.ts'
import type { NamedCipher } from '../transformer.ts'
import { type Envelope, cipherOf, decodeEncrypted, encodeEncrypted, hashOf, seedBytes, seedSource, sourceKey, validateEnvelope, whyBadKeyID } from './envelope.ts'

/** KeyManagementService of k8s.io/kms/apis/v2. Each rejects with an Error when the service does not answer. */
export interface KmsService {
  status(): Promise<{ version: string; healthz: string; keyID: string }>
  encrypt(plain: Uint8Array, uid: string): Promise<{ ciphertext: Uint8Array; keyID: string; annotations: Readonly<Record<string, Uint8Array>> }>
  decrypt(request: { ciphertext: Uint8Array; keyID: string; annotations: Readonly<Record<string, Uint8Array>>; uid: string }): Promise<Uint8Array>
  close(): void
}

export interface KmsWorld {
  readonly clock: Clock
  readonly log: Logger
  readonly random: { bytes(length: number): Uint8Array; uuid(): string }
  connect(endpoint: string, timeoutMs: number): KmsService
}

interface State extends Envelope {
  readonly cipher: Cipher
  /** Until when it may write without the service having said that it is the right one. */
  expiresAt: number
}

const healthyMs = 60_000
const unhealthyMs = 10_000
/** How long writes go on without the service. */
const writableMs = 3 * 60_000
const versions = ['v2', 'v2beta1']

export class KmsProvider {
  readonly name: string
  readonly prefix: Buffer
  readonly #world: KmsWorld
  readonly #service: KmsService
  readonly #ciphers = new Map<string, Promise<Cipher> | Cipher>()
  #state: State | undefined
  #version = ''
  #failure: string | undefined = 'the KMS was not asked yet'
  /** Called when values are written by another key than before. */
  onRotated: () => Promise<void> = () => Promise.resolve()

  constructor(world: KmsWorld, name: string, endpoint: string, timeoutMs: number) {
    this.name = name
    this.prefix = Buffer.from(`k8s:enc:kms:v2:${name}:`)
    this.#world = world
    this.#service = world.connect(endpoint, timeoutMs)
  }

  /** What is wrong with the service, as the last look at it told; undefined: nothing. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** What writes and reads values. Both throw while a seed is not there. */
  get cipher(): NamedCipher {
    return {
      prefix: this.prefix.toString(),
      cipher: { seal: (plain, data) => this.#seal(plain, data), open: (sealed, data) => this.#open(sealed, data) },
      isStale: (sealed) => {
        const { keyID, sourceType } = decodeEncrypted(sealed)
        return keyID !== this.#state?.keyID || sourceType !== this.#state.sourceType
      },
    }
  }

  /** Asks how the service is, and for another seed when it has another key. */
  async check(): Promise<void> {
    const before = this.#failure
    try {
      await this.#look(await this.#service.status().catch((error: unknown) => {
        throw new Error(`failed to perform status section of the healthz check for KMS Provider ${this.name}, error: ${textOf(error)}`)
      }))
      this.#failure = undefined
    } catch (error) {
      this.#failure = textOf(error)
      if (before !== this.#failure) this.#world.log.warn('the KMS is not well', { provider: this.name, error: this.#failure })
    }
  }

  /** Looks again and again until aborted: more often while something is wrong. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#world.clock.sleep(this.#failure === undefined ? healthyMs : unhealthyMs, signal).catch(() => undefined)
      if (!signal.aborted) await this.check()
    }
  }

  /** Resolves when every one of the values that this service has sealed can be read. Rejects when the service does not help. */
  async prepare(values: Iterable<Uint8Array>): Promise<void> {
    const wanted = new Map<string, Envelope>()
    for (const value of values) {
      if (Buffer.compare(value.subarray(0, this.prefix.length), this.prefix) !== 0) continue
      const object = decodeEncrypted(value.subarray(this.prefix.length))
      wanted.set(sourceKey(object), object)
    }
    await Promise.all([...wanted].map(async ([key, envelope]) => this.#ciphers.get(key) ?? this.#asked(key, envelope)))
  }

  close(): void {
    this.#service.close()
  }

  #asked(key: string, { encryptedSource, keyID, annotations, sourceType }: Envelope): Promise<Cipher> {
    const fetched = this.#service.decrypt({ ciphertext: encryptedSource, keyID, annotations, uid: this.#world.random.uuid() }).then(
      (source) => {
        const cipher = cipherOf(source, sourceType, this.#bytes)
        this.#ciphers.set(key, cipher)
        return cipher
      },
      (error: unknown) => {
        throw new Error(`failed to decrypt DEK, error: ${textOf(error)}`, { cause: error })
      },
    )
    this.#ciphers.set(key, fetched)
    // The next who asks tries again.
    fetched.catch(() => this.#ciphers.delete(key))
    return fetched
  }

  #seal(plain: Uint8Array, data: string): Buffer {
    const state = this.#state
    if (state === undefined) throw new Error('got unexpected nil transformer')
    const now = this.#world.clock.now()
    if (now > state.expiresAt) {
      const text = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
      throw new Error(`encryptedDEKSource with keyID hash ${JSON.stringify(hashOf(state.keyID))} expired at ${text(state.expiresAt)} (current time is ${text(now)})`)
    }
    return encodeEncrypted({ ...state, data: state.cipher.seal(plain, data) })
  }

  #open(sealed: Uint8Array, data: string): Buffer {
    const object = decodeEncrypted(sealed)
    const cipher = this.#ciphers.get(sourceKey(object))
    if (cipher === undefined || cipher instanceof Promise) throw new Error('failed to decrypt DEK, error: it was not asked for')
    return cipher.open(object.data, data)
  }

  async #look({ version, healthz, keyID }: { version: string; healthz: string; keyID: string }): Promise<void> {
    const errors: string[] = []
    if (healthz !== 'ok') errors.push(`got unexpected healthz status: ${healthz}`)
    if (!versions.includes(version)) errors.push(`expected KMSv2 API version v2, got ${version}`)
    else if (this.#version !== '' && this.#version !== version) errors.push(`KMSv2 API version should not change after the initial status response version ${this.#version}, got ${version}`)
    else this.#version = version
    const why = whyBadKeyID(keyID)
    if (why !== undefined) errors.push(`got invalid KMSv2 KeyID hash ${JSON.stringify(hashOf(keyID))}: ${why}`)
    else await this.#rotate(keyID).catch((error: unknown) => errors.push(textOf(error)))
    if (errors.length > 0) throw new Error(`kmsv2 Provider ${this.name} is not healthy, error: ${errors.length > 1 ? `[${errors.join(', ')}]` : errors[0]!}`)
  }

  async #rotate(statusKeyID: string): Promise<void> {
    const { clock, random } = this.#world
    // From before the call: it is the most that may pass since the service was known to be well.
    const expiresAt = clock.now() + writableMs
    if (this.#state?.keyID === statusKeyID) {
      this.#state.expiresAt = expiresAt
      return
    }
    const seed = random.bytes(seedBytes)
    const uid = random.uuid()
    const failed = (errGen: string, keyID = ''): Error => new Error(`failed to rotate DEK uid=${JSON.stringify(uid)}, useSeed=true, errState=${this.#state === undefined ? 'got unexpected nil transformer' : '<nil>'}, `
      + `errGen=${errGen}, statusKeyIDHash=${JSON.stringify(hashOf(statusKeyID))}, encryptKeyIDHash=${JSON.stringify(hashOf(keyID))}, stateKeyIDHash=${JSON.stringify(hashOf(this.#state?.keyID ?? ''))}`)
    const { ciphertext, keyID, annotations } = await this.#service.encrypt(seed, uid).catch((error: unknown) => {
      throw failed(`failed to encrypt DEK, error: ${textOf(error)}`)
    })
    const envelope: Envelope = { keyID, encryptedSource: ciphertext, annotations, sourceType: seedSource }
    try {
      validateEnvelope(envelope)
    } catch (error) {
      throw failed(textOf(error), keyID)
    }
    if (keyID !== statusKeyID) throw failed('<nil>', keyID)
    const cipher = cipherOf(seed, seedSource, this.#bytes)
    this.#ciphers.set(sourceKey(envelope), cipher)
    const first = this.#state === undefined
    this.#state = { ...envelope, cipher, expiresAt }
    if (!first) await this.onRotated()
  }

  readonly #bytes: RandomBytes = (length) => this.#world.random.bytes(length)
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
