/** Feature gates as of the pinned release, and the list of conformance tests. */
import { load } from 'js-yaml'
import { moduleText, type ModulePath } from './modules.ts'

const RELEASE = [1, 36]

interface Spec {
  default: boolean
  lockToDefault: boolean
  preRelease: string
  version: string
}

function isPast(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < (RELEASE[0] as number) || (major === RELEASE[0] && minor <= (RELEASE[1] as number))
}

const SOURCES: [ModulePath, string][] = [
  ['k8s.io/kubernetes', 'pkg/features/kube_features.go'],
  ['k8s.io/apiserver', 'pkg/features/kube_features.go'],
]

/** Which gates a gate needs, by the tables in upstream's sources. */
function readDependencies(): Map<string, string[]> {
  const names = new Map<string, string>()
  const needs = new Map<string, string[]>()
  const texts = SOURCES.map(([module, file]) => moduleText(module, file))
  for (const text of texts) {
    for (const [, constant = '', name = ''] of text.matchAll(/(\w+)\s+featuregate\.Feature = "(\w+)"/g)) {
      names.set(constant, name)
    }
  }
  const nameOf = (reference: string): string => {
    const constant = reference.split('.').at(-1) ?? ''
    return names.get(constant) ?? constant
  }
  for (const text of texts) {
    const table = /= map\[featuregate\.Feature\]\[\]featuregate\.Feature\{\n([\s\S]*?)\n\}/.exec(text)?.[1] ?? ''
    for (const [, gate = '', list = ''] of table.matchAll(/^\t([\w.]+):\s*\{([^}]*)\},/gm)) {
      const needed = list.split(',').map((each) => each.trim()).filter((each) => each !== '').map(nameOf)
      if (needed.length > 0) needs.set(nameOf(gate), needed)
    }
  }
  return needs
}

/** JSON: per gate its stage, default and lock in the pinned release, since when, and what it needs. */
export function renderFeatureGates(): string {
  const file = 'test/compatibility_lifecycle/reference/versioned_feature_list.yaml'
  const list = load(moduleText('k8s.io/kubernetes', file)) as { name: string; versionedSpecs: Spec[] }[]
  const needs = readDependencies()
  const lines = list.flatMap(({ name, versionedSpecs }) => {
    const spec = versionedSpecs.filter((each) => isPast(each.version)).at(-1)
    if (!spec) return []
    const facts = {
      stage: spec.preRelease === '' ? 'GA' : spec.preRelease,
      default: spec.default,
      ...(spec.lockToDefault && { locked: true }),
      since: spec.version,
      ...(needs.has(name) && { needs: needs.get(name) }),
    }
    return [`"${name}":${JSON.stringify(facts)}`]
  })
  return `{\n${lines.join(',\n')}\n}\n`
}

/** The typed door to feature-gates.json. */
export const FEATURE_GATES_TS = `import data from './feature-gates.json' with { type: 'json' }

export interface FeatureGate {
  readonly stage: 'Alpha' | 'Beta' | 'GA' | 'Deprecated'
  readonly default: boolean
  readonly locked?: boolean
  readonly since: string
  readonly needs?: readonly string[]
}

export const featureGates = data as unknown as Readonly<Record<string, FeatureGate>>
`

/** JSON: the names of the conformance tests with their file and the release that made them so. */
export function renderConformance(): string {
  const text = moduleText('k8s.io/kubernetes', 'test/conformance/testdata/conformance.yaml')
  const list = load(text) as { codename: string; file: string; release: string }[]
  const lines = list.map(({ codename, file, release }) => JSON.stringify({ name: codename, file, release }))
  return `[\n${lines.join(',\n')}\n]\n`
}
