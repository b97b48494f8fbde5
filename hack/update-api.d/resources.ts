/** One typed constant per served resource of every version. */
import type { ServedGroup, ServedResource } from './discovery.ts'
import type { Definitions } from './openapi.ts'
import { homeOf } from './types.ts'

/** "networkpolicies" of NetworkPolicy is networkPolicies; leading capitals fall together: csiDrivers. */
export function camelPlural(resource: string, kind: string): string {
  const head = kind.replace(/^[A-Z]+(?=[A-Z][a-z])|^[A-Z]/, (capitals) => capitals.toLowerCase())
  let same = 0
  while (same < resource.length && head[same]?.toLowerCase() === resource[same]) same++
  return head.slice(0, same) + resource.slice(same)
}

interface Constant {
  name: string
  group: string
  version: string
  served: ServedResource
  type: { file: string; type: string }
}

/** The text of resources.ts. The preferred version has the plain name; others carry theirs, as jobsV1Beta1 would. */
export function renderResources(groups: ServedGroup[], definitions: Definitions): string {
  const byKind = new Map<string, string>()
  for (const [name, schema] of definitions) {
    const kinds = schema['x-kubernetes-group-version-kind'] ?? []
    for (const k of kinds) byKind.set(`${k.group}/${k.version}/${k.kind}`, name)
  }
  const constants: Constant[] = []
  const names = new Set<string>()
  for (const { group, versions } of groups) {
    for (const { version, resources } of versions) {
      for (const served of resources) {
        const definition = byKind.get(`${group}/${version}/${served.kind}`)
        if (definition === undefined) throw new Error(`no definition of ${group}/${version} ${served.kind}`)
        const plain = camelPlural(served.resource, served.kind)
        const name = names.has(plain) ? plain + version.replace(/^v\d+[ab]?/, (s) => s.toUpperCase()) : plain
        if (names.has(name)) throw new Error(`two constants named ${name}`)
        names.add(name)
        constants.push({ name, group, version, served, type: homeOf(definition) })
      }
    }
  }
  return render(constants)
}

function alias(file: string): string {
  return `${file.replace(/-(\w)/, (_, letter: string) => letter.toUpperCase())}Types`
}

function render(constants: Constant[]): string {
  const files = [...new Set(constants.map((c) => c.type.file))].sort()
  const lines = [
    `import type { Resource } from '../meta/object.ts'`,
    ...files.map((file) => `import type * as ${alias(file)} from './types/${file}.ts'`),
    '',
  ]
  for (const c of constants) {
    lines.push(
      `export const ${c.name}: Resource<${alias(c.type.file)}.${c.type.type}> = {`,
      `  group: '${c.group}', version: '${c.version}', resource: '${c.served.resource}', kind: '${c.served.kind}',`,
      `  namespaced: ${c.served.namespaced},`,
      '}',
    )
  }
  return lines.join('\n') + '\n'
}
