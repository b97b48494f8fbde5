/**
 * What admission sees of a request, and what the engine asks of it. Mutating admission may change `object` in place
 * (it is the request's own copy) or replace it; validating admission may only refuse. Upstream: apiserver/pkg/admission.
 */
import type { GroupVersionKind, GroupVersionResource, KubeObject } from '../../api/meta/object.ts'
import type { UserInfo } from '../handler.ts'

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

export interface Attributes {
  readonly operation: AdmissionOperation
  /** The kind of `object`: the subresource's own kind for bindings, scales and the like. */
  readonly kind: GroupVersionKind
  readonly resource: GroupVersionResource
  /** '' for the main resource. */
  readonly subresource: string
  /** '' for cluster-scoped resources. For namespaces themselves: the namespace's own name, as upstream. */
  readonly namespace: string
  /** '' on a create whose name the server generates (admission runs before generation only in that case). */
  readonly name: string
  /** New object; undefined for DELETE. Mutating admission may change or replace it. */
  object: KubeObject | undefined
  /** Stored object (frozen) for UPDATE and DELETE. */
  readonly oldObject: KubeObject | undefined
  /** CreateOptions, UpdateOptions, PatchOptions or DeleteOptions as an object; for CONNECT undefined. */
  readonly options: Readonly<Record<string, unknown>> | undefined
  readonly dryRun: boolean
  readonly user: UserInfo
  /** Texts for Warning headers. */
  readonly warnings: string[]
  /** Aborted when the request is over. */
  readonly signal?: AbortSignal
  /** Adds an audit annotation; the first value of a key wins. */
  addAnnotation(key: string, value: string): void
}

/** The chain as the engine calls it. Both throw a StatusError to refuse. */
export interface Admission {
  /** Mutating plugins, in order, with reinvocation. */
  admit(attributes: Attributes): Promise<void>
  /** Validating plugins, in order. */
  validate(attributes: Attributes): Promise<void>
}

/** One plugin of the chain (plugins/<name>.ts). */
export interface AdmissionPlugin {
  readonly name: string
  handles(attributes: Attributes): boolean
  admit?(attributes: Attributes): Promise<void>
  validate?(attributes: Attributes): Promise<void>
}

/** Admits everything: for tests of the engine and for servers that turn admission off. */
export const admitAll: Admission = {
  admit: () => Promise.resolve(),
  validate: () => Promise.resolve(),
}
