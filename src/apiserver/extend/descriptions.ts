/** What built-in types and their fields are for, as @kubernetes/client-node declares them: how a declaration is read. */
export interface Description {
  readonly text?: string
  /** By the field's name without what is neither letter nor digit. */
  readonly fields: Readonly<Record<string, string>>
}

/** How Description names a field: declarations cannot have every name that JSON has. */
export const fieldKey = (name: string): string => name.replace(/[^A-Za-z0-9]/g, '')

export const capital = (text: string): string => text.replace(/^./, (c) => c.toUpperCase())

/** Names under which a definition may be declared: "io.k8s.api.core.v1.Event" is CoreV1Event, others are V1Pod. */
export function modelNames(definition: string): string[] {
  const [kind = '', version = '', group = ''] = definition.split('.').reverse()
  return [`${capital(group)}${capital(version)}${kind}`, `${capital(version)}${kind}`, `${kind}`]
}

/** A comment's text in a declaration; undefined for one that says nothing. */
function textOf(comment: string): string | undefined {
  const text = comment.split('\n').map((line) => line.replace(/^\s*\*?\s?/, '')).join('\n').trim().replaceAll(/\\(['"`])/g, '$1')
  return text === '' ? undefined : text
}

/** Reads a declaration file of one model. */
export function parseModel(source: string): Description {
  const at = source.indexOf('export declare class')
  const head = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*$/.exec(source.slice(0, Math.max(at, 0)))?.[1]
  const fields: Record<string, string> = {}
  for (const [, comment = '', name = ''] of source.slice(at).matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s*'([^']+)'\??:/g)) {
    const text = textOf(comment)
    if (text !== undefined) fields[fieldKey(name)] = text
  }
  const text = head === undefined || head.includes('auto generated') ? undefined : textOf(head)
  return { ...(text === undefined ? {} : { text }), fields }
}
