import type { KubeObject } from '../../api/meta/object.ts'

/** Conversion between the versions of a kind that takes somebody else's answer (a webhook). */
export interface ObjectConverter {
  /** The object in that version, if its conversion is known; throws what only `settled` understands if it is not. */
  convert(object: KubeObject, apiVersion: string): KubeObject
  /** Converts at once what is not in that version. Throws a StatusError. */
  convertAll(objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]>
  /** Runs work that converts; it may run more than once and must be pure. Throws a StatusError. */
  settled<T>(run: () => T): Promise<T>
}
