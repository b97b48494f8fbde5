/** The `+k8s:` tags in comments of types.go: declarative validation, and the releases that deprecate a kind. */
import type { GoType } from './go-types.ts'
import { moduleFiles, moduleText } from './modules.ts'
import type { ApiPackage, ApiPackages } from './packages.ts'

const COMMON = 'io.k8s.api.'

function shortName(pack: ApiPackage, type: GoType): string {
  const name = `${pack.name}.${type.name}`
  return name.startsWith(COMMON) ? name.slice(COMMON.length) : name
}

/** Tags for other generators than validation's. */
const OTHERS = /^(?:(?:deepcopy|prerelease-lifecycle|protobuf|conversion|validation|defaulter)-gen|openapi-|deprecated)/

/**
 * "maxItems=16", or with what it hangs on before it: "alpha:maxItems=16", "beta:...", "ifEnabled(Gate):required",
 * "eachKey:format=k8s-short-name". Quotes around values are dropped.
 */
function validationTag(comment: string): string | undefined {
  if (!comment.startsWith('+k8s:')) return undefined
  const text = comment.slice('+k8s:'.length).replace(/\s+#.*$/, '').trim()
  if (OTHERS.test(text)) return undefined
  return text.replaceAll('=+k8s:', ':').replace(/^(alpha|beta)\([^)]*\):/, '$1:').replace(/=["`](.*)["`]$/, '=$1')
}

/** JSON: per definition the tags of its fields, by JSON name; those of the type itself under "". */
export function renderValidationTags(packages: ApiPackages): string {
  const lines: string[] = []
  for (const pack of packages.all) {
    for (const type of pack.go.types.values()) {
      const fields: Record<string, string[]> = {}
      const add = (field: string, comments: readonly string[]): void => {
        const tags = comments.map(validationTag).filter((tag) => tag !== undefined)
        if (tags.length > 0) fields[field] = tags
      }
      add('', type.comments)
      for (const { name, tags, comments } of type.fields ?? []) add(tags['json']?.split(',')[0] || name, comments)
      if (Object.keys(fields).length > 0) lines.push(`"${shortName(pack, type)}":${JSON.stringify(fields)}`)
    }
  }
  return `{\n${lines.sort().join(',\n')}\n}\n`
}

const FUNCTION =
  /func \(in \*(\w+)\) APILifecycle(Introduced|Deprecated|Removed|Replacement)\(\)[^{]*\{\s*return ([^\n]+)\n\}/g
const GVK = /Group: "([^"]*)", Version: "([^"]*)", Kind: "([^"]*)"/

/** What the functions in a package's lifecycle files return, by kind. */
function readLifecycle(pack: ApiPackage): Map<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>()
  for (const file of moduleFiles(pack.module, pack.folder).filter((name) => name.endsWith('lifecycle.go'))) {
    const text = moduleText(pack.module, `${pack.folder}/${file}`)
    for (const [, kind = '', what = '', result = ''] of text.matchAll(FUNCTION)) {
      const facts = found.get(kind) ?? {}
      found.set(kind, facts)
      if (what !== 'Replacement') facts[what.toLowerCase()] = result.replace(', ', '.')
      else {
        const [, group = '', version, other] = GVK.exec(result) ?? []
        facts['replacement'] = `${group === '' ? '' : `${group}/`}${version} ${other}`
      }
    }
  }
  return found
}

/** JSON: the kinds that are deprecated, as "apiVersion kind", with the releases and what to use instead. */
export function renderLifecycle(packages: ApiPackages): string {
  const lines: string[] = []
  for (const pack of packages.all) {
    for (const [kind, { introduced, deprecated, removed, replacement }] of readLifecycle(pack)) {
      if (deprecated === undefined) continue
      const apiVersion = pack.group === '' ? pack.version : `${pack.group}/${pack.version}`
      lines.push(`"${apiVersion} ${kind}":${JSON.stringify({ introduced, deprecated, removed, replacement })}`)
    }
  }
  return `{\n${lines.sort().join(',\n')}\n}\n`
}

/** The typed door to lifecycle.json. */
export const LIFECYCLE_TS = `import data from './lifecycle.json' with { type: 'json' }

export interface Lifecycle {
  readonly introduced?: string
  readonly deprecated: string
  readonly removed?: string
  /** "apiVersion kind" */
  readonly replacement?: string
}

/** Kinds that upstream calls deprecated, by "apiVersion kind". */
export const lifecycles = data as Readonly<Record<string, Lifecycle>>
`

/** The typed door to validation-tags.json. */
export const VALIDATION_TAGS_TS = `import data from './validation-tags.json' with { type: 'json' }

/**
 * Tags by definition (without "io.k8s.api.") and field; the type's own under "". "maxItems=16", or with what it hangs
 * on: "alpha:maxItems=16", "ifEnabled(Gate):required", "eachKey:format=k8s-short-name".
 */
export const validationTags = data as unknown as Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
`
