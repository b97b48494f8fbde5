/** Who owns which fields, after each write. The merge itself is api/apply's. */
import type { KubeObject } from '../../api/meta/object.ts'
import type { ApiRequest } from '../handler.ts'
import type { RequestContext } from './context.ts'
import type { WriteOptions } from './options.ts'

const managerMaxBytes = 128

/** The manager that was named, or the client's program: its user agent up to the first slash. */
export function managerOf(request: ApiRequest, options: WriteOptions): string {
  if (options.fieldManager !== '') return options.fieldManager
  let manager = ''
  let bytes = 0
  for (const letter of request.userAgent.split('/')[0]!) {
    if (letter !== ' ' && !/^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(letter)) continue
    bytes += Buffer.byteLength(letter)
    if (bytes > managerMaxBytes) break
    manager += letter
  }
  return manager
}

/** The object with the managed fields that this write leaves: those of the live one when it does not speak of them. */
export function trackWrite(_context: RequestContext, live: KubeObject | undefined, next: KubeObject, _manager: string): KubeObject {
  if (next.metadata.managedFields === undefined && live?.metadata.managedFields !== undefined) {
    next.metadata.managedFields = live.metadata.managedFields
  }
  return next
}
