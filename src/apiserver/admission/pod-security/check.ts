/** Shapes and small helpers of Pod Security checks (upstream: pod-security-admission policy). */
import type { Container, EphemeralContainer, PodSpec } from '../../../api/generated/types/core-v1.ts'
import type { ObjectMeta } from '../../../api/meta/object.ts'

export interface Violation {
  readonly reason: string
  readonly detail: string
}

export type CheckPod = (spec: PodSpec, metadata: ObjectMeta) => Violation | undefined

/** A check by the minor version from which each of its forms holds. */
export interface Check {
  readonly id: string
  readonly level: 'baseline' | 'restricted'
  readonly versions: readonly { readonly since: number; readonly check: CheckPod; readonly overrides?: readonly string[] }[]
}

export type AnyContainer = Container | EphemeralContainer

/** Init containers, containers and ephemeral ones, in the order in which findings name them. */
export function allContainers(spec: PodSpec): AnyContainer[] {
  return [...spec.initContainers ?? [], ...spec.containers ?? [], ...spec.ephemeralContainers ?? []]
}

export const quoteAll = (items: Iterable<string>): string => [...items].map((item) => `"${item}"`).join(', ')
export const sorted = (items: Iterable<string>): string[] => [...new Set(items)].sort()
export const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many)

/** 'containers "a", "b"' */
export function named(kind: string, names: readonly string[]): string {
  return `${plural(kind, `${kind}s`, names.length)} ${quoteAll(names)}`
}

/** 'pod and container "a"': who set something. */
export function setters(pod: boolean, containers: readonly string[]): string {
  return [...pod ? ['pod'] : [], ...containers.length > 0 ? [named('container', containers)] : []].join(' and ')
}

/** A check that pods of another operating system than Linux pass. */
export const notOnWindows = (check: CheckPod): CheckPod => (spec, metadata) => (spec.os?.name === 'windows' ? undefined : check(spec, metadata))

/** A check that pods in a user namespace of their own pass. */
export const notInUserNamespace = (check: CheckPod): CheckPod => (spec, metadata) => (spec.hostUsers === false ? undefined : check(spec, metadata))
