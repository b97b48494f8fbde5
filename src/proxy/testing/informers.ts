/** Informers that a test feeds by hand. */
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import type { Informer, InformerHandler, Informers } from '../../client/informer.ts'
import { ObjectCache, keyOf } from '../../client/lister.ts'

class ManualInformer extends ObjectCache<KubeObject> {
  readonly handlers = new Set<InformerHandler<KubeObject>>()
  readonly hasSynced = true
  readonly synced = Promise.resolve()
  readonly resourceVersion = '1'
  addHandler(handler: InformerHandler<KubeObject>): () => void {
    this.handlers.add(handler)
    for (const object of this.list()) handler.add?.(object, true)
    return () => void this.handlers.delete(handler)
  }
  when(condition: () => boolean, callback: () => void): void {
    if (condition()) callback()
  }
}

export class ManualInformers implements Informers {
  readonly #all = new Map<string, ManualInformer>()

  of<T>(resource: Resource<T>): Informer<T> {
    return this.#one(resource) as unknown as Informer<T>
  }
  existing<T>(resource: Resource<T>): Informer<T> | undefined {
    return this.#all.get(resource.resource) as unknown as Informer<T> | undefined
  }
  synced(): Promise<void> {
    return Promise.resolve()
  }
  put<T extends KubeObject>(resource: Resource<T>, ...objects: T[]): void {
    const informer = this.#one(resource)
    for (const object of objects) {
      const old = informer.set(keyOf(object), object)
      for (const handler of informer.handlers) {
        if (old === undefined) handler.add?.(object, false)
        else handler.update?.(object, old)
      }
    }
  }
  remove<T extends KubeObject>(resource: Resource<T>, object: T): void {
    const informer = this.#one(resource)
    if (informer.delete(keyOf(object)) === undefined) return
    for (const handler of informer.handlers) handler.delete?.(object)
  }
  #one(resource: Resource<unknown>): ManualInformer {
    const found = this.#all.get(resource.resource) ?? new ManualInformer()
    this.#all.set(resource.resource, found)
    return found
  }
}
