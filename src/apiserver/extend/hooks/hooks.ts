/** What the server does once it serves: the objects that must be there. Each counts in /readyz until it is through. */
import type { Env } from '../../../base/env.ts'
import { isStatus } from '../../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../../api/meta/object.ts'
import type { Client } from '../../../client/client.ts'

export interface HookContext {
  readonly env: Env
  readonly client: Client
  /** Aborted when the server stops. */
  readonly signal: AbortSignal
}

export interface PostStartHook {
  /** As in upstream's health checks: "rbac/bootstrap-roles". */
  readonly name: string
  /** Resolves when the server may be called ready. Work that goes on is started with env.tasks. */
  run(context: HookContext): Promise<void>
  /** The others wait for it: it makes what they need. */
  readonly first?: boolean
  /** Nobody waits for it: it runs behind the others and does not count in /readyz. */
  readonly late?: boolean
  /** It makes objects and nothing else: where they are inherited it has no work. */
  readonly once?: boolean
}

const retryMs = 500

/**
 * Runs hooks beside each other, behind those that must be first. One that fails is tried again, so that a slow store
 * delays readiness and no more.
 */
export function runHooks(hooks: readonly PostStartHook[], context: HookContext): { done: ReadonlySet<string>; all: Promise<void> } {
  const done = new Set<string>()
  const runAll = (list: readonly PostStartHook[]) => Promise.all(list.map(async (hook) => {
    await runUntilDone(hook, context)
    if (!context.signal.aborted) done.add(hook.name)
  }))
  const all = (async () => {
    await runAll(hooks.filter((hook) => hook.first === true))
    await runAll(hooks.filter((hook) => hook.first !== true && hook.late !== true))
    context.env.tasks.go('late post-start hooks', async () => void (await runAll(hooks.filter((hook) => hook.late === true))))
  })()
  return { done, all }
}

async function runUntilDone(hook: PostStartHook, context: HookContext): Promise<void> {
  while (!context.signal.aborted) {
    try {
      await hook.run(context)
      return
    } catch (error) {
      if (context.signal.aborted) return
      context.env.log.warn('a post-start hook failed and is tried again', { hook: hook.name, error })
      await context.env.clock.sleep(retryMs, context.signal).catch(() => undefined)
    }
  }
}

/** Creates the object unless it is there. Answers the stored one. */
export async function ensureObject<T extends { metadata?: { name?: string; namespace?: string } }>(client: Client, resource: Resource<T>, object: T): Promise<T> {
  const { name = '', namespace } = object.metadata ?? {}
  try {
    return await client.get(resource, resource.namespaced ? { namespace, name } : { name })
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error
  }
  try {
    return await client.create(resource, object)
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error
    return client.get(resource, resource.namespaced ? { namespace, name } : { name })
  }
}

const attempts = 5

/** Creates the object, or changes the stored one with `change` until that has nothing to change (it answers undefined). */
export async function reconcileObject<T extends KubeObject>(
  client: Client, resource: Resource<T>, wanted: T, change: (stored: T) => T | undefined,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const stored = await ensureObject(client, resource, wanted)
    const changed = change(stored)
    if (changed === undefined) return
    try {
      await client.update(resource, changed)
      return
    } catch (error) {
      if (!isStatus(error, 'Conflict') || attempt >= attempts) throw error
    }
  }
}
