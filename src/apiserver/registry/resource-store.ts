/**
 * The generic store: create, update and delete of one kind, from its definition. Objects here are in the stored version.
 * Upstream: apiserver/pkg/registry/generic/registry/store.go.
 */
import type { Clock, Random } from '../../base/env.ts'
import {
  alreadyExists, conflict, generateNameConflict, invalid, isStatus, notFound, optimisticLockText, StatusError, successStatus,
} from '../../api/meta/errors.ts'
import type { Status } from '../../api/meta/errors.ts'
import { fieldInvalid } from '../../api/meta/field-errors.ts'
import { goQuote } from '../../api/meta/go-text.ts'
import { apiVersionOf, type KubeObject } from '../../api/meta/object.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { UserInfo } from '../handler.ts'
import type { Asks, HookContext, Inquiry, ResourceDefinition, Rollback, StrategyContext } from '../resources/define.ts'
import { isTooLarge } from '../storage/store.ts'
import { Cached, deepCopy, deepFreeze } from './cached.ts'
import type { DeleteOptions } from './deletion.ts'
import { checkPreconditions, completesDeletion, finalizersFor, planDeletion } from './deletion.ts'
import { sameStored } from './equal.ts'
import { canonicalObject, generateName } from './metadata.ts'
import type { ResourceStorage } from './resource-storage.ts'
import { type Asked, beforeCreate, beforeUpdate } from './strategy.ts'

/** Who writes, and how. */
export interface WriteContext {
  readonly user: UserInfo
  readonly dryRun: boolean
  /** Of the request: create, update, patch, delete. */
  readonly verb: string
  /** '' for the main resource. */
  readonly subresource: string
  /** The group that was asked, where it may be another than the stored kind's. */
  readonly group?: string
  readonly signal: AbortSignal
  warn(text: string): void
  /** Validating admission, on the final object; `old` is undefined for a create. */
  validate(object: KubeObject, old: KubeObject | undefined): Promise<void>
}

export interface UpdateRequest {
  /**
   * Makes the new object from the stored one (undefined: there is none). Called again after a lost race; the result is
   * the store's to change. Its resourceVersion is the client's expectation, '' or absent for none.
   */
  transform(old: KubeObject | undefined): Promise<KubeObject>
  /** A uid in the object is an expectation of its own (PUT); otherwise only a field that may not change. */
  readonly uidIsPrecondition?: boolean
  /** An apply: it creates what is missing, though the kind does not say so, and what it manages is always stored. */
  readonly apply?: boolean
}

export interface Written {
  readonly entry: Cached
  readonly created: boolean
}

export interface Deleted {
  /** The object, or the Status that the kind answers with. */
  readonly result: Cached | Status
  /** Whether it is gone. */
  readonly removed: boolean
}

export interface ResourceStoreOptions {
  readonly definition: ResourceDefinition
  readonly storage: ResourceStorage
  readonly clock: Clock
  readonly random: Random
  readonly feature: (name: string) => boolean
  readonly services: Readonly<Record<string, unknown>>
}

const nameAttempts = 8

export class ResourceStore {
  readonly definition: ResourceDefinition
  readonly storage: ResourceStorage
  readonly #o: ResourceStoreOptions

  constructor(o: ResourceStoreOptions) {
    this.definition = o.definition
    this.storage = o.storage
    this.#o = o
  }

  keyOf(namespace: string, name: string): string {
    return this.definition.scope === 'Namespaced' ? `${namespace}/${name}` : name
  }

  /** The stored object. Throws 404. */
  async get(namespace: string, name: string): Promise<Cached> {
    const cached = await this.storage.read(this.keyOf(namespace, name))
    if (cached === undefined) throw notFound(this.definition, name)
    return cached
  }

  /** Stores a new object, which it owns from now on. */
  create(object: KubeObject, context: WriteContext): Promise<Cached> {
    return this.#create(object, context, false)
  }

  async #create(object: KubeObject, context: WriteContext, apply: boolean): Promise<Cached> {
    const { metadata } = object
    const generated = !metadata.name && !!metadata.generateName
    metadata.creationTimestamp = formatTime(this.#o.clock.now())
    metadata.uid = this.#o.random.uuid()
    if (generated) this.#pickName(object)
    const hooks = this.#hookContext(context)
    const rollback = await this.definition.hooks?.beforeCreate?.(object, hooks)
    let done = false
    try {
      const asks = this.#asksOf(context)
      beforeCreate(this.definition, object, hooks, asks === undefined ? undefined : await this.#ask(asks, object, undefined, context))
      await context.validate(object, undefined)
      this.definition.settle?.(object)
      const cached = await this.#insert(object, context, { generated, apply })
      done = true
      return cached
    } finally {
      if (!done || context.dryRun) await undo(rollback)
    }
  }

  #pickName(object: KubeObject): void {
    const { metadata } = object
    if (this.definition.generatesNoName === true) {
      metadata.name = metadata.generateName
      return
    }
    for (let attempt = 0; attempt < nameAttempts; attempt++) {
      metadata.name = generateName(metadata.generateName!, this.#o.random)
      if (this.storage.get(this.#keyOfObject(object)) === undefined) return
    }
  }

  async #insert(object: KubeObject, context: WriteContext, { generated, apply }: { generated: boolean; apply: boolean }): Promise<Cached> {
    const { metadata } = object
    for (let attempt = 1; ; attempt++) {
      const key = this.#keyOfObject(object)
      if (metadata.resourceVersion && !context.dryRun) throw plainError('resourceVersion should not be set on objects to be created')
      if (this.storage.get(key) === undefined) {
        if (context.dryRun) return this.#unstored(object, key)
        const result = await fitting(object, apply, () => this.storage.create(key, object, this.definition.ttlSeconds?.(object, this.#o.services)))
        if (result.ok) return result.cached
      }
      if (!generated || attempt >= nameAttempts) throw this.#existsError(object, key, generated)
      this.#pickName(object)
    }
  }

  #existsError(object: KubeObject, key: string, generated: boolean): Error {
    const name = object.metadata.name ?? ''
    const error = generated ? generateNameConflict(this.definition, name) : alreadyExists(this.definition, name)
    if (this.storage.get(key)?.object.metadata.deletionTimestamp) {
      error.status.message = `object is being deleted: ${error.status.message}`
    }
    return error
  }

  /** Changes the stored object, or creates it where that is allowed. */
  async update(namespace: string, name: string, request: UpdateRequest, context: WriteContext): Promise<Written> {
    const key = this.keyOf(namespace, name)
    for (;;) {
      const current = await this.#readToChange(key)
      if (current === undefined) {
        if (context.subresource !== '' || (!this.definition.createOnUpdate && request.apply !== true)) throw notFound(this.definition, name)
        const object = await request.transform(undefined)
        delete object.metadata.resourceVersion
        try {
          return { entry: await this.#create(object, context, request.apply === true), created: true }
        } catch (error) {
          if (!isStatus(error, 'AlreadyExists') || await this.storage.read(key) === undefined) throw error
          continue
        }
      }
      const written = await this.#updateOnce(key, current, request, context)
      if (written !== undefined) return { entry: written, created: false }
      context.signal.throwIfAborted()
    }
  }

  /** The stored object in the version in which it is to be stored now. */
  async #readToChange(key: string): Promise<Cached | undefined> {
    const current = await this.storage.read(key)
    const { converter } = this.definition
    const apiVersion = apiVersionOf(this.definition)
    if (converter === undefined || current === undefined || current.object.apiVersion === apiVersion) return current
    const [object] = await converter.convertAll([current.object], apiVersion)
    return new Cached(deepFreeze(object!), key, current.revision, current.bytes, true)
  }

  /** Undefined when somebody else wrote in between. */
  async #updateOnce(key: string, current: Cached, request: UpdateRequest, context: WriteContext): Promise<Cached | undefined> {
    const old = current.object
    const name = old.metadata.name ?? ''
    const object = await request.transform(old)
    if (request.uidIsPrecondition === true) this.#checkUid(key, object, old, context.dryRun)
    this.#checkVersion(object, old, name)
    const hooks = this.#hookContext(context)
    const rollback = await this.definition.hooks?.beforeUpdate?.(object, old, hooks)
    let done = false
    try {
      const asks = this.#asksOf(context)
      beforeUpdate(this.definition, object, old, hooks, asks === undefined ? undefined : await this.#ask(asks, object, old, context))
      await context.validate(object, old)
      this.definition.settle?.(object)
      if (completesDeletion(this.definition, object, old)) {
        done = true
        return await this.#finishDeletion(key, current, object, context)
      }
      const next = canonicalObject(this.definition, object)
      if (!this.storage.isStale(current) && sameStored(next, old)) return current
      if (context.dryRun) return this.#unstored(object, key)
      const result = await fitting(object, request.apply === true, () =>
        this.storage.update(key, object, current.revision, this.definition.ttlSeconds?.(object, this.#o.services)))
      if (!result.ok) return undefined
      done = true
      await this.definition.hooks?.afterUpdate?.(object, old, hooks)
      return result.cached
    } finally {
      if (!done || context.dryRun) await undo(rollback)
    }
  }

  #checkUid(key: string, object: KubeObject, old: KubeObject, dryRun: boolean): void {
    const { uid } = object.metadata
    if (!uid || uid === old.metadata.uid) return
    // Dry runs end above the layer that knows where the store begins.
    const prefix = `${dryRun ? '' : '/registry'}/${this.definition.storagePrefix ?? this.definition.resource}`
    throw conflict(this.definition, old.metadata.name ?? '',
      `StorageError: invalid object, Code: 4, Key: ${prefix}/${key}, ResourceVersion: 0, AdditionalErrorMsg: `
      + `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
  }

  /** Sets the version that is to be overwritten where the client has none in mind. Throws 409 and 422. */
  #checkVersion(object: KubeObject, old: KubeObject, name: string): void {
    const given = object.metadata.resourceVersion
    if (given === undefined || given === '' || given === '0') {
      if (this.definition.unconditionalUpdate !== true) {
        throw invalid({ group: this.definition.group, kind: this.definition.resource }, name,
          [fieldInvalid('metadata.resourceVersion', 0, 'must be specified for an update')])
      }
      object.metadata.resourceVersion = old.metadata.resourceVersion
    } else if (!/^\d+$/.test(given)) {
      throw plainError(`strconv.ParseUint: parsing ${goQuote(given)}: invalid syntax`)
    } else if (given !== old.metadata.resourceVersion) {
      throw conflict(this.definition, name, optimisticLockText)
    }
  }

  /**
   * Changes the stored object without the kind's strategy: what the server itself knows to be right (a binding, a
   * budget's count). `change` makes the new object and may throw to refuse; it is called again after a lost race.
   */
  async modify(namespace: string, name: string, change: (old: KubeObject) => KubeObject, o: { dryRun: boolean; signal: AbortSignal }): Promise<Cached> {
    const key = this.keyOf(namespace, name)
    for (;;) {
      const current = await this.#readToChange(key)
      if (current === undefined) throw notFound(this.definition, name)
      const object = change(current.object)
      if (sameStored(canonicalObject(this.definition, object), current.object)) return current
      if (o.dryRun) return this.#unstored(object, key)
      const result = await this.storage.update(key, object, current.revision, this.definition.ttlSeconds?.(object, this.#o.services))
      if (result.ok) return result.cached
      o.signal.throwIfAborted()
    }
  }

  /** The last finalizer is gone: the object goes too. Answers with the object as the request left it. */
  async #finishDeletion(key: string, current: Cached, object: KubeObject, context: WriteContext): Promise<Cached> {
    const last = this.#unstored(object, key)
    if (context.dryRun) return last
    for (let latest: Cached | undefined = current; latest !== undefined; latest = await this.storage.read(key)) {
      if (latest.object.metadata.uid !== current.object.metadata.uid) break
      if (await this.storage.remove(key, latest.revision, context.signal) !== undefined) {
        await this.definition.hooks?.afterDelete?.(object, this.#hookContext(context))
        break
      }
    }
    return last
  }

  /** Deletes, or begins to. `validate` of the context is called with the stored object as `old`. */
  async delete(namespace: string, name: string, options: DeleteOptions, context: WriteContext): Promise<Deleted> {
    const key = this.keyOf(namespace, name)
    for (;;) {
      const current = await this.#readToChange(key)
      if (current === undefined) throw notFound(this.definition, name)
      const deleted = await this.#deleteOnce(key, current, options, context)
      if (deleted !== undefined) return deleted
      context.signal.throwIfAborted()
    }
  }

  async #deleteOnce(key: string, current: Cached, options: DeleteOptions, context: WriteContext): Promise<Deleted | undefined> {
    const { definition } = this
    if (definition.prepareForDelete !== undefined) {
      checkPreconditions(definition, current.object, options)
      if (!current.object.metadata.deletionTimestamp) return this.#begin(key, current, options, context)
      if ((definition.deletionFinalizers?.(current.object).length ?? 0) > 0) return { result: current, removed: false }
    }
    const plan = planDeletion(definition, current.object, options, this.#o.clock.now())
    const { group = definition.group } = context
    if (plan.step === 'pending') return this.#answer(current, false, group)
    await context.validate(current.object, current.object)
    if (plan.step === 'remove') return this.#remove(key, current, context)
    const marked = await this.#mark(key, current, plan.object, context)
    if (marked === undefined) return undefined
    if (!plan.remove) return { result: marked, removed: false }
    return context.dryRun ? { result: marked, removed: true } : this.#remove(key, marked, context)
  }

  /** The first request to delete a kind that prepares for it: namespaces, CRDs. */
  async #begin(key: string, current: Cached, options: DeleteOptions, context: WriteContext): Promise<Deleted | undefined> {
    const { definition } = this
    await context.validate(current.object, current.object)
    const object = deepCopy(current.object)
    object.metadata.deletionTimestamp = formatTime(this.#o.clock.now())
    object.metadata.finalizers = finalizersFor(definition, current.object.metadata, options)
    definition.prepareForDelete!(object, this.#strategyContext(context))
    const marked = await this.#mark(key, current, object, context)
    return marked === undefined ? undefined : { result: marked, removed: false }
  }

  async #mark(key: string, current: Cached, object: KubeObject, context: WriteContext): Promise<Cached | undefined> {
    if (sameStored(canonicalObject(this.definition, object), current.object)) return current
    if (context.dryRun) return this.#unstored(object, key)
    const result = await this.storage.update(key, object, current.revision, this.definition.ttlSeconds?.(object, this.#o.services))
    return result.ok ? result.cached : undefined
  }

  async #remove(key: string, current: Cached, context: WriteContext): Promise<Deleted | undefined> {
    const { group = this.definition.group } = context
    if (context.dryRun) return this.#answer(current, true, group)
    const revision = await this.storage.remove(key, current.revision, context.signal)
    if (revision === undefined) return undefined
    await this.definition.hooks?.afterDelete?.(current.object, this.#hookContext(context))
    return this.#answer(this.#unstored({ ...current.object, metadata: { ...current.object.metadata, resourceVersion: String(revision) } }, key), true, group)
  }

  #answer(cached: Cached, removed: boolean, group: string): Deleted {
    const { definition } = this
    if (definition.returnDeletedObject) return { result: cached, removed }
    const { name, uid } = cached.object.metadata
    return { result: successStatus({ name, group, kind: definition.resource, uid }), removed }
  }

  /** An object that is answered without being stored: a dry run's, or one that is gone. */
  #unstored(object: KubeObject, key: string): Cached {
    const wire = canonicalObject(this.definition, object)
    if (!object.metadata.resourceVersion) delete wire.metadata.resourceVersion
    return new Cached(deepFreeze(wire), key, 0, 0)
  }

  #keyOfObject(object: KubeObject): string {
    return this.keyOf(object.metadata.namespace ?? '', object.metadata.name ?? '')
  }

  #asksOf({ subresource }: WriteContext): Asks<KubeObject> | undefined {
    return (subresource === '' ? this.definition : this.definition.subresources?.[subresource])?.asks
  }

  async #ask(asks: Asks<KubeObject>, object: KubeObject, old: KubeObject | undefined, context: WriteContext): Promise<Asked | undefined> {
    const inquiry = this.#o.services['inquiry'] as Inquiry | undefined
    if (inquiry === undefined) return undefined
    return { errors: await asks.errors(object, old, { ...this.#strategyContext(context), verb: context.verb, inquiry }), last: asks.last === true }
  }

  #strategyContext(context: WriteContext): StrategyContext {
    return {
      user: context.user, now: new Date(this.#o.clock.now()), feature: this.#o.feature,
      subresource: context.subresource, group: context.group, warn: (text) => context.warn(text),
    }
  }

  #hookContext(context: WriteContext): HookContext {
    return { ...this.#strategyContext(context), dryRun: context.dryRun, services: this.#o.services }
  }
}

/** Upstream has no better status for these. */
export function plainError(message: string): StatusError {
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 500, message })
}

/**
 * The write; when its object is too large for the store, once more without managed fields, which the client did not ask for,
 * unless it applies. Upstream: endpoints/handlers/create.go, update.go, patch.go.
 */
async function fitting<T>(object: KubeObject, apply: boolean, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (apply || !isTooLarge(error) || object.metadata.managedFields === undefined) throw error
    delete object.metadata.managedFields
    return write()
  }
}

async function undo(rollback: Rollback | void): Promise<void> {
  if (rollback !== undefined) await rollback()
}
