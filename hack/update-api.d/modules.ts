/** Where upstream's modules lie on this machine: Go's module cache, found by Go itself. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const KUBERNETES = 'v1.36.3'
const STAGING = 'v0.36.3'

const VERSIONS = {
  'k8s.io/kubernetes': KUBERNETES,
  'k8s.io/api': STAGING,
  'k8s.io/apimachinery': STAGING,
  'k8s.io/apiserver': STAGING,
  'k8s.io/apiextensions-apiserver': STAGING,
  'k8s.io/kube-aggregator': STAGING,
  'k8s.io/client-go': STAGING,
  'k8s.io/component-base': STAGING,
  'k8s.io/controller-manager': STAGING,
  'k8s.io/kubelet': STAGING,
  'k8s.io/metrics': STAGING,
  'k8s.io/cloud-provider': STAGING,
  'cel.dev/expr': 'v0.25.1',
} as const

export type ModulePath = keyof typeof VERSIONS

const found = new Map<ModulePath, string>()

/** Whether Go is here to find modules with. */
export function hasGo(): boolean {
  return spawnSync('go', ['version']).status === 0
}

/** The folder of a pinned module; Go downloads it when it is not there. Throws when Go or the module is missing. */
export function moduleDir(path: ModulePath): string {
  let dir = found.get(path)
  if (dir === undefined) {
    const out = execFileSync('go', ['mod', 'download', '-json', `${path}@${VERSIONS[path]}`], {
      cwd: tmpdir(), encoding: 'utf8', env: { ...process.env, GOFLAGS: '-mod=mod', GOWORK: 'off' },
    })
    dir = (JSON.parse(out) as { Dir: string }).Dir
    found.set(path, dir)
  }
  return dir
}

/** A file of a pinned module, as text. */
export function moduleText(path: ModulePath, file: string): string {
  return readFileSync(join(moduleDir(path), file), 'utf8')
}

/** The names in a folder of a pinned module, sorted. */
export function moduleFiles(path: ModulePath, folder: string): string[] {
  return readdirSync(join(moduleDir(path), folder)).sort()
}
