/** Brings up the cluster of a test run under a name of its own and takes it down again, all it made with it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'

const root = resolve(import.meta.dirname, '../..')
const run = (command: string, args: readonly string[]): void => void execFileSync(join(root, command), args, { stdio: ['ignore', 'inherit', 'inherit'] })

export default function setup(project: TestProject): () => void {
  const dir = mkdtempSync(join(tmpdir(), 'cluster-test-'))
  const name = `test-${process.pid}`
  const kubeconfig = join(dir, 'kubeconfig')
  const image = join(dir, 'busybox.tar')
  const down = (): void => {
    run('hack/down', ['--name', name, '--purge', '--data', join(dir, 'data')])
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    run('hack/up', ['--name', name, '--nodes', '2', '--kubeconfig', kubeconfig, '--data', join(dir, 'data')])
    run('hack/coxswain', ['image', 'make', '--from-file', '/bin/busybox', 'example.org/busybox:1', '-o', image])
    run('hack/coxswain', ['image', 'load', image, '--name', name])
  } catch (error) {
    down()
    throw error
  }
  project.provide('cluster', { name, dir, kubeconfig })
  return down
}

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: { name: string; dir: string; kubeconfig: string }
  }
}
