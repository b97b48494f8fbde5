/**
 * Conversion of custom objects by a webhook (upstream: apiextensions-apiserver/pkg/apiserver/conversion). Conversions are
 * asked for in the middle of synchronous work (owners of fields, patches): what is not known yet is told by a
 * PendingConversion, and `settled` asks for it and runs the work again.
 */
import type { CustomResourceDefinition } from '../../../api/generated/types/apiextensions-v1.ts'
import type { Random } from '../../../base/env.ts'
import { validateAnnotations, validateLabels } from '../../../api/meta/metadata-validation.ts'
import { unknownError } from '../../../api/meta/errors.ts'
import { type KubeObject, apiVersionOf, parseApiVersion } from '../../../api/meta/object.ts'
import { pruneUnknown } from '../../../api/schema/prune.ts'
import type { Schema } from '../../../api/schema/schema.ts'
import type { ObjectConverter } from '../../resources/converter.ts'
import { type ServiceResolver, locationOf } from '../../webhooks/location.ts'
import type { PostJson } from '../../webhooks/post.ts'

export interface ConversionDeps {
  readonly random: Random
  readonly post: PostJson
  readonly resolveService: ServiceResolver
}

class PendingConversion extends Error {
  readonly object: KubeObject
  readonly apiVersion: string
  constructor(object: KubeObject, apiVersion: string) {
    super(`a conversion to ${apiVersion} is pending`)
    this.object = object
    this.apiVersion = apiVersion
  }
}

/** Conversions that are kept; those of stored objects are kept with the objects. */
const keptConversions = 256
/** Work that needs more conversions than there are versions of managers does not end. */
const maxRounds = 64
const callTimeoutMs = 30_000

/** Schemas are those of the versions, by name. Throws an Error for a configuration that names no webhook. */
export function webhookConverter(crd: CustomResourceDefinition, schemas: ReadonlyMap<string, Schema>, deps: ConversionDeps): ObjectConverter {
  const known = new Map<string, KubeObject>()
  const { group } = crd.spec
  const webhook = crd.spec.conversion?.webhook

  async function convertAll(objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]> {
    const foreign = objects.filter((object) => object.apiVersion !== apiVersion)
    if (foreign.length === 0) return [...objects]
    const converted = await ask(foreign, apiVersion)
    let next = 0
    return objects.map((object) => (object.apiVersion === apiVersion ? object : converted[next++]!))
  }

  async function ask(objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]> {
    const first = objects[0]!
    const { version } = parseApiVersion(first.apiVersion ?? '')
    const head = `conversion webhook for ${group}/${version}, Kind=${first.kind ?? ''}`
    const reviewVersion = webhook?.conversionReviewVersions.find((v) => v === 'v1' || v === 'v1beta1')
    if (webhook?.clientConfig === undefined || reviewVersion === undefined) throw unknownError('no supported conversion review versions')
    const uid = deps.random.uuid()
    const review = { kind: 'ConversionReview', apiVersion: `apiextensions.k8s.io/${reviewVersion}`, request: { uid, desiredAPIVersion: apiVersion, objects } }
    let answers: readonly unknown[]
    try {
      const location = locationOf(webhook.clientConfig, deps.resolveService)
      answers = convertedObjects(await deps.post(location, JSON.stringify(review), { timeoutMs: callTimeoutMs }), reviewVersion, uid)
    } catch (error) {
      throw unknownError(`${head} failed: ${(error as Error).message}`)
    }
    if (answers.length !== objects.length) throw unknownError(`${head} returned ${answers.length} objects, expected ${objects.length}`)
    return answers.map((answer, i) => {
      try {
        return completed(objects[i]!, answer, apiVersion, schemas)
      } catch (error) {
        throw unknownError(`${head} returned invalid converted object at index ${i}: ${(error as Error).message}`)
      }
    })
  }

  return {
    convert(object, apiVersion) {
      if (object.apiVersion === apiVersion) return object
      const found = known.get(keyOf(object, apiVersion))
      if (found === undefined) throw new PendingConversion(object, apiVersion)
      return withMetadataOf(object, found)
    },
    convertAll,
    async settled(run) {
      for (let round = 0; ; round++) {
        try {
          return run()
        } catch (error) {
          if (!(error instanceof PendingConversion) || round >= maxRounds) throw error
          const [converted] = await convertAll([error.object], error.apiVersion)
          known.set(keyOf(error.object, error.apiVersion), converted!)
          if (known.size > keptConversions) known.delete(known.keys().next().value!)
        }
      }
    },
  }
}

/** Who owns what and which version it is does not change what an object converts to. */
function keyOf(object: KubeObject, apiVersion: string): string {
  const { managedFields: _, resourceVersion: __, ...metadata } = object.metadata
  return `${apiVersion}\n${JSON.stringify({ ...object, metadata })}`
}

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Throws an Error for an answer that is none, and for one that tells of a failure. */
function convertedObjects(answer: unknown, version: string, uid: string): readonly unknown[] {
  const fields = isFields(answer) ? answer : {}
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  if (version === 'v1' && (fields['kind'] !== 'ConversionReview' || fields['apiVersion'] !== 'apiextensions.k8s.io/v1')) {
    throw new Error(`expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got ${text(fields['apiVersion']) || '/'}, Kind=${text(fields['kind'])}`)
  }
  const { response } = fields
  if (!isFields(response)) throw new Error('no response provided')
  if (version === 'v1' && response['uid'] !== uid) throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(text(response['uid']))}`)
  const result = isFields(response['result']) ? response['result'] : {}
  if (result['status'] !== 'Success') {
    throw new Error(text(result['message']) || `response.result.status was '${text(result['status'])}', not 'Success'`)
  }
  return Array.isArray(response['convertedObjects']) ? response['convertedObjects'] : []
}

/** The answer with the original's metadata, pruned by its version's schema. Throws an Error for what may not be answered. */
function completed(original: KubeObject, answer: unknown, apiVersion: string, schemas: ReadonlyMap<string, Schema>): KubeObject {
  if (!isFields(answer)) throw new Error('it is no object')
  const received = answer as unknown as KubeObject
  if (received.apiVersion !== apiVersion) throw new Error(`invalid groupVersion (expected ${apiVersion}, received ${received.apiVersion ?? ''})`)
  if (received.kind !== original.kind) throw new Error(`invalid kind (expected ${original.kind}, received ${received.kind ?? ''})`)
  if (!isFields(answer['metadata'])) throw new Error(answer['metadata'] === undefined ? 'missing metadata in converted object' : 'invalid metadata in converted object')
  for (const [field, name] of [['name', 'name'], ['namespace', 'namespace'], ['uid', 'UID']] as const) {
    const [before = '', after = ''] = [original.metadata[field], received.metadata[field]]
    if (before !== after) throw new Error(`must have the same ${name}: ${before} != ${after}`)
  }
  const { labels, annotations } = answer['metadata'] as KubeObject['metadata']
  const wrong = [...validateLabels(labels, 'metadata.labels'), ...validateAnnotations(annotations, 'metadata.annotations')]
  if (wrong.length > 0) throw new Error(wrong.map(({ field, message }) => `${field}: ${message}`).join(', '))
  const schema = schemas.get(parseApiVersion(apiVersion).version)
  const object = withMetadataOf(original, received)
  return schema === undefined ? object : { ...pruneUnknown(object, schema).value, metadata: object.metadata } as KubeObject
}

/** A webhook may change labels and annotations; all other metadata stays what it was. */
function withMetadataOf(original: KubeObject, converted: KubeObject): KubeObject {
  const { labels: _, annotations: __, ...rest } = original.metadata
  const { labels, annotations } = converted.metadata
  return {
    ...converted,
    metadata: { ...rest, ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) },
  }
}

/** Strategy None: the versions differ in nothing but their name. */
export function renamed(group: string, version: string): (object: KubeObject) => KubeObject {
  const apiVersion = apiVersionOf({ group, version })
  return (object) => ({ ...object, apiVersion })
}
