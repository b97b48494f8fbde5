/** EncryptionConfiguration: which resources lie encrypted, by which keys (apiserver.config.k8s.io/v1; its validation is upstream's). */
import { decodeYaml } from '../../api/codec/yaml.ts'
import type { FieldError } from '../../api/meta/errors.ts'
import { aggregateText, fieldInvalid, fieldRequired } from '../../api/meta/field-errors.ts'
import { parseGoDuration } from '../chain/go-duration.ts'
import { KmsProvider, type KmsWorld } from './kms/provider.ts'
import { type ProviderName, type RandomBytes, providers } from './providers.ts'
import { type NamedCipher, type ValueTransformer, createTransformer, prefixOf } from './transformer.ts'

interface Key {
  readonly name?: string
  readonly secret?: string
}

type Provider = Readonly<Partial<Record<ProviderName, { readonly keys?: readonly Key[] }>>> & { readonly identity?: object; readonly kms?: Kms }

interface Kms {
  readonly apiVersion?: string
  readonly name?: string
  readonly endpoint?: string
  readonly timeout?: string
  readonly cachesize?: number
}

interface ResourcePart {
  readonly resources?: readonly string[]
  readonly providers?: readonly Provider[]
}

/** What is encrypted how. */
export interface Encryption {
  /** Undefined: the resource lies as it is. */
  transformerOf(group: string, resource: string): ValueTransformer | undefined
  /** The services that it needs; each must be looked at (`check`) before it writes. */
  readonly kms: readonly KmsProvider[]
}

/** What counts now. Replaced as a whole when the file changes. */
export class EncryptionHolder {
  #current: Encryption
  #changedAt = 0

  constructor(first: Encryption) {
    this.#current = first
  }

  get current(): Encryption {
    return this.#current
  }

  /** Values up to this revision of the store may have been written by other keys than those that count now. */
  get changedAt(): number {
    return this.#changedAt
  }

  replace(next: Encryption, revision: number): void {
    this.#current = next
    this.#changedAt = revision
  }

  /** Resolves when the values can be read without waiting; rejects while a service that is needed does not help. */
  async prepare(values: Iterable<Uint8Array>): Promise<void> {
    for (const provider of this.#current.kms) await provider.prepare(values)
  }
}

const defaultTimeoutMs = 3000
const providerNames = ['kms', 'aesgcm', 'aescbc', 'secretbox', 'identity'] as const

/** Throws an Error that says what is wrong with the file. `world`: for files that name key management services. */
export function parseEncryption(text: string, random: RandomBytes, world?: KmsWorld): Encryption {
  const value = decodeYaml(text).value as { apiVersion?: string; kind?: string; resources?: ResourcePart[] } | null
  const { apiVersion = '', kind = '', resources = [] } = value ?? {}
  if (kind !== 'EncryptionConfiguration' || apiVersion !== 'apiserver.config.k8s.io/v1') {
    throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`)
  }
  const errors = [...validate(resources)]
  if (errors.length > 0) throw new Error(aggregateText(errors))
  const services = new Map<string, KmsProvider>()
  const serviceOf = ({ apiVersion, name = '', endpoint = '', timeout }: Kms): KmsProvider => {
    if (world === undefined) throw new Error('there is no way to key management services here')
    if (apiVersion !== 'v2') throw new Error('KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead')
    const provider = new KmsProvider(world, name, endpoint, timeout === undefined ? defaultTimeoutMs : parseGoDuration(timeout)!)
    services.set(name, provider)
    return provider
  }
  const parts = resources.map((part) => ({ resources: part.resources!, transformer: createTransformer(part.providers!.flatMap((provider) => ciphersOf(provider, random, serviceOf))) }))
  return {
    kms: [...services.values()],
    transformerOf(group, resource) {
      const name = group === '' ? resource : `${resource}.${group}`
      // Of several lists the first that fits counts, an exact name within it as much as a pattern.
      const fits = (entry: string): boolean => entry === name || entry === '*.*' || entry === `*.${group}`
      return parts.find((part) => part.resources.some(fits))?.transformer
    },
  }
}

function ciphersOf(provider: Provider, random: RandomBytes, serviceOf: (kms: Kms) => KmsProvider): NamedCipher[] {
  if (provider.identity !== undefined) return [{ prefix: '' }]
  if (provider.kms !== undefined) return [serviceOf(provider.kms).cipher]
  return (Object.keys(providers) as ProviderName[]).flatMap((kind) => (provider[kind]?.keys ?? []).map(({ name, secret }) => ({
    prefix: prefixOf(kind, name!), cipher: providers[kind].create(Buffer.from(secret!, 'base64'), random),
  })))
}

function* validate(parts: readonly ResourcePart[]): Generator<FieldError> {
  const names = new Set<string>()
  if (parts.length === 0) yield fieldRequired('resources', 'at least one resources is required')
  for (const [i, { resources = [], providers: list = [] }] of parts.entries()) {
    const path = `resources[${i}].resources`
    if (resources.length === 0) yield fieldRequired(path, `at least one ${path} is required`)
    yield* overlaps(resources, path)
    for (const [j, resource] of resources.entries()) {
      const why = whyBadResource(resource)
      if (why !== undefined) yield fieldInvalid(`${path}[${j}]`, resource, why)
    }
    const at = `resources[${i}].providers`
    if (list.length === 0) yield fieldRequired(at, `at least one ${at} is required`)
    for (const [j, provider] of list.entries()) {
      yield* providerErrors(provider, `${at}[${j}]`)
      if (provider.kms === undefined || provider.kms === null) continue
      yield* kmsErrors(provider.kms, `${at}[${j}].kms`, names)
      names.add(provider.kms.name ?? '')
    }
  }
}

function whyBadResource(resource: string): string | undefined {
  if (resource.toLowerCase() !== resource) return 'resource name should not contain capital letters'
  if (resource === '*') return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
  if (['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'].includes(resource)) return 'resources which do not have REST API/s cannot be encrypted'
  const dot = resource.indexOf('.')
  const [name, group] = dot < 0 ? [resource, ''] : [resource.slice(0, dot), resource.slice(dot + 1)]
  if (group === 'events.k8s.io') return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
  if (group === 'extensions') return "'extensions' group has been removed and cannot be used for encryption"
  return group === '*' && name !== '*' ? 'encrypting the same resource across groups is not supported' : undefined
}

function* overlaps(resources: readonly string[], path: string): Generator<FieldError> {
  if (new Set(resources).size < resources.length) yield fieldInvalid(path, resources, 'the same resource cannot be specified multiple times')
  const groupOf = (text: string): string => (text.includes('.') ? text.slice(text.indexOf('.') + 1) : '')
  const masked = resources.some((one, i) => resources.some((other, j) => i !== j && one !== other && (one === '*.*' || (groupOf(one) === groupOf(other) && one.startsWith('*.')))))
  if (masked) yield fieldInvalid(path, resources, "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked")
}

function* providerErrors(provider: Provider, path: string): Generator<FieldError> {
  const given = providerNames.filter((name) => provider[name] !== undefined && provider[name] !== null)
  if (given.length === 0) yield fieldInvalid(path, provider, 'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity')
  if (given.length > 1) yield fieldInvalid(path, provider, 'more than one provider specified in a single element, should split into different list elements')
  for (const kind of Object.keys(providers) as ProviderName[]) {
    const keys = provider[kind]?.keys
    if (provider[kind] === undefined) continue
    if (keys === undefined || keys.length === 0) yield fieldRequired(`${path}.${kind}.keys`, 'at least one keys is required')
    for (const [i, key] of (keys ?? []).entries()) yield* keyErrors(key, `${path}.${kind}.keys[${i}]`, providers[kind].keyBytes)
  }
}

function* kmsErrors({ apiVersion = 'v1', name = '', endpoint = '', timeout, cachesize }: Kms, path: string, names: ReadonlySet<string>): Generator<FieldError> {
  if (name === '') yield fieldRequired(`${path}.name`, 'name is a mandatory field for a provider')
  if (apiVersion !== 'v1' && name.includes(':')) yield fieldInvalid(`${path}.name`, name, `invalid KMS provider name ${name}, must not contain ':'`)
  if (apiVersion !== 'v1' && names.has(name)) yield fieldInvalid(`${path}.name`, name, `duplicate KMS provider name ${name}, names must be unique`)
  if (timeout !== undefined && !((parseGoDuration(timeout) ?? 0) > 0)) yield fieldInvalid(`${path}.timeout`, timeout, 'timeout should be a positive value')
  if (endpoint === '') yield fieldInvalid(`${path}.endpoint`, '', 'endpoint is a mandatory field for a kms')
  else {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(endpoint)?.[1] ?? ''
    if (scheme !== 'unix') yield fieldInvalid(`${path}.endpoint`, endpoint, `unsupported scheme ${JSON.stringify(scheme)} for KMS provider, only unix is supported`)
  }
  if (apiVersion !== 'v1' && cachesize !== undefined) yield fieldInvalid(`${path}.cachesize`, cachesize, 'cachesize is not supported in v2')
  if (apiVersion === 'v1' && cachesize === 0) yield fieldInvalid(`${path}.cachesize`, cachesize, 'cachesize should be a positive value, or negative to disable')
  if (apiVersion !== 'v1' && apiVersion !== 'v2') yield fieldInvalid(`${path}.apiVersion`, apiVersion, 'unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported')
}

function* keyErrors({ name = '', secret = '' }: Key, path: string, sizes: readonly number[]): Generator<FieldError> {
  if (name === '') yield fieldRequired(`${path}.name`, 'name is a mandatory field for a key')
  if (secret === '') {
    yield fieldRequired(`${path}.secret`, 'secret is a mandatory field for a key')
    return
  }
  const bytes = Buffer.from(secret, 'base64')
  if (bytes.toString('base64') !== secret) yield fieldInvalid(`${path}.secret`, 'REDACTED', 'secrets must be base64 encoded')
  else if (!sizes.includes(bytes.length)) yield fieldInvalid(`${path}.secret`, 'REDACTED', `secret is not of the expected length, got ${bytes.length}, expected one of [${sizes.join(' ')}]`)
}
