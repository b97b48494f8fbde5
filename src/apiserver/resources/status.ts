/** Strategies that most kinds with a status share. */
import type { KubeObject } from '../../api/meta/object.ts'

type WithStatus = KubeObject & { status?: unknown }

/** A prepareForCreate that gives the object a fresh status; `empty` is how upstream prints the kind's zero status. */
export function freshStatus<T extends WithStatus>(empty: () => NonNullable<T['status']>): (object: T) => void {
  return (object) => {
    object.status = empty()
  }
}

/** An empty status. */
export const emptyStatus = <T extends WithStatus>(): ((object: T) => void) => freshStatus<T>(() => ({}) as NonNullable<T['status']>)
