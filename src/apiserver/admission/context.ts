/** What plugins may look at and do besides the request: caches, the API as the server itself, permissions, time. */
import type { AccessDecider } from '../../api/cel/index.ts'
import type { Clock, Logger, Random } from '../../base/env.ts'
import { forbidden, type StatusError } from '../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import type { Client } from '../../client/client.ts'
import type { UserInfo } from '../handler.ts'
import type { Question } from '../resources/define.ts'
import type { AdmissionOperation, Attributes } from './contract.ts'

/** Frozen objects from the watch caches: a synchronous look. */
export interface Lister {
  get<T>(resource: Resource<T>, namespace: string, name: string): T | undefined
  /** All of a kind, or those of one namespace. */
  list<T>(resource: Resource<T>, namespace?: string): readonly T[]
  /** Resources that serve a kind, for references by kind. */
  resourcesOf(apiVersion: string, kind: string): readonly { group: string; version: string; resource: string; namespaced: boolean }[]
}

export interface PluginContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly lister: Lister
  /** Speaks with the server's own identity. */
  readonly client: Client
  /** Whether the user may; `reason` is the authorizer's word when not. */
  authorize(user: UserInfo, question: Question): Promise<{ allowed: boolean; reason: string }>
  /** The authorizer as expressions ask it. */
  readonly access: AccessDecider
  feature(name: string): boolean
}

/** A name in a refusal: what the request says, else what the object says. */
function subjectName(a: Attributes): string {
  if (a.name !== '') return a.name
  const metadata = a.object?.metadata
  return metadata?.name || metadata?.generateName || 'Unknown'
}

/** 403 in the words of admission: 'pods "web" is forbidden: why'. */
export function refuse(a: Attributes, why: string): StatusError {
  return forbidden(a.resource, subjectName(a), why)
}

/** Whether a request is about a resource (by group and name) and, unless `subresource` says otherwise, its main resource. */
export function isFor(a: Attributes, group: string, resource: string, subresource = ''): boolean {
  return a.resource.resource === resource && a.resource.group === group && a.subresource === subresource
}

export function isOperation(a: Attributes, ...operations: readonly AdmissionOperation[]): boolean {
  return operations.includes(a.operation)
}

/** The request's object as its kind: plugins ask by resource first, and the engine has decoded it by the schema. */
export function objectOf<T>(a: Attributes): T {
  return a.object as unknown as T
}

export function oldObjectOf<T>(a: Attributes): T {
  return a.oldObject as unknown as T
}

/** JSON equality for small values: maps are equal whatever the order of their keys. */
export function same(a: unknown, b: unknown): boolean {
  return a === b || stable(a) === stable(b)
}

function stable(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item
    return Object.fromEntries(Object.entries(item as KubeObject).sort(([x], [y]) => (x < y ? -1 : 1)))
  })
}
