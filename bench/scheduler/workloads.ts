/** Upstream's scheduler_perf workloads, read as they are from the Go module. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parseYaml } from '../../src/api/codec/yaml.ts'
import { root } from '../lib/upstream.ts'

export interface Operation {
  readonly opcode: string
  readonly [field: string]: unknown
}

export interface Workload {
  readonly name: string
  readonly labels?: readonly string[]
  readonly featureGates?: Readonly<Record<string, boolean>>
  readonly params: Readonly<Record<string, unknown>>
  readonly threshold?: number
}

export interface TestCase {
  readonly name: string
  /** The folder that template paths are relative to. */
  readonly folder: string
  readonly featureGates?: Readonly<Record<string, boolean>>
  readonly defaultPodTemplatePath?: string
  readonly workloadTemplate: readonly Operation[]
  readonly workloads: readonly Workload[]
  readonly schedulerConfigPath?: string
}

/** Where the Go module of k8s.io/kubernetes keeps scheduler_perf. */
function folderOfModule(): string {
  const dir = execFileSync('go', ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], { cwd: join(root, 'conformance'), encoding: 'utf8' }).trim()
  return join(dir, 'test/integration/scheduler_perf')
}

export function readTestCases(): TestCase[] {
  const top = folderOfModule()
  const files = readdirSync(top, { recursive: true, encoding: 'utf8' }).filter((file) => basename(file) === 'performance-config.yaml').sort()
  return files.flatMap((file) => {
    const path = join(top, file)
    return (parseYaml(readFileSync(path, 'utf8')) as Omit<TestCase, 'folder'>[]).map((testCase) => ({ ...testCase, folder: dirname(path) }))
  })
}
