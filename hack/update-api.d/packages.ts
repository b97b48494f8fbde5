/** The Go packages whose types travel: the API's own, and those of the machinery beneath. */
import { readGoPackage, type GoPackage, type GoType } from './go-types.ts'
import { moduleDir, moduleFiles, moduleText, type ModulePath } from './modules.ts'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseProto, type ProtoMessages } from './proto.ts'

export interface ApiPackage {
  /** "io.k8s.api.core.v1" */
  name: string
  module: ModulePath
  folder: string
  group: string
  version: string
  go: GoPackage
}

export interface ApiPackages {
  all: ApiPackage[]
  /** Go types by full name, such as "k8s.io/api/core/v1.Pod"; those of packages without kinds too. */
  types: Map<string, GoType>
  messages: ProtoMessages
}

const OTHERS: [ModulePath, string][] = [
  ['k8s.io/apimachinery', 'pkg/apis/meta/v1'],
  ['k8s.io/apimachinery', 'pkg/apis/meta/v1beta1'],
  ['k8s.io/apiextensions-apiserver', 'pkg/apis/apiextensions/v1'],
  ['k8s.io/kube-aggregator', 'pkg/apis/apiregistration/v1'],
  ['k8s.io/metrics', 'pkg/apis/metrics/v1beta1'],
]

/** "k8s.io/api/core/v1" is io.k8s.api.core.v1 in OpenAPI. */
export function definitionPackage(goPath: string): string {
  return goPath.replace('k8s.io', 'io.k8s').replaceAll('/', '.')
}

/** Reads the packages that have wire messages, sorted by name. */
export function readPackages(): ApiPackages {
  const found: [ModulePath, string][] = [...OTHERS]
  for (const group of moduleFiles('k8s.io/api', '.')) {
    if (group === 'testdata' || group.includes('.') || !/^[a-z]+$/.test(group)) continue
    for (const version of moduleFiles('k8s.io/api', group).filter((v) => /^v\d/.test(v))) {
      if (existsSync(join(moduleDir('k8s.io/api'), group, version, 'generated.proto'))) {
        found.push(['k8s.io/api', `${group}/${version}`])
      }
    }
  }
  const result: ApiPackages = { all: [], types: new Map(), messages: new Map() }
  for (const [module, folder] of found) {
    const go = readGoPackage(module, folder)
    const group = go.constants.get('GroupName')?.value
    if (group === undefined) throw new Error(`${module}/${folder}: no GroupName`)
    const version = folder.slice(folder.lastIndexOf('/') + 1)
    result.all.push({ name: definitionPackage(go.path), module, folder, group, version, go })
    for (const message of parseProto(moduleText(module, `${folder}/generated.proto`))) result.messages.set(...message)
    for (const type of go.types.values()) result.types.set(`${go.path}.${type.name}`, type)
  }
  const plain = readGoPackage('k8s.io/apimachinery', 'pkg/types')
  for (const type of plain.types.values()) result.types.set(`${plain.path}.${type.name}`, type)
  result.all.sort((a, b) => (a.name < b.name ? -1 : 1))
  return result
}
