/** kubectl as a user calls it: real binaries against the cluster of the run. */
import { type SpawnOptions, execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inject } from 'vitest'
import { places } from '../../src/cluster/hosts/locate.ts'

export const root = resolve(import.meta.dirname, '../..')
const cache = process.env['COXSWAIN_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/root', '.cache'), 'coxswain')

/** Where hack/upstream puts what it builds. */
export const upstreamDir = join(cache, 'upstream')

/** A kubectl of that version; built from its Go module when it is missing. */
export function kubectlBinary(version: '1.36' | '1.32'): string {
  const name = version === '1.36' ? 'kubectl' : 'kubectl-1.32'
  const path = join(upstreamDir, name)
  if (!existsSync(path)) execFileSync(join(root, 'hack/upstream'), [name], { stdio: 'inherit' })
  return path
}

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Kubectl {
  /** Runs to the end whatever the exit code. */
  run(args: readonly string[], input?: string): Promise<Result>
  /** Standard output; throws with standard error when the exit code is not 0. */
  ok(args: readonly string[], input?: string): Promise<string>
  /** Started and left running. */
  start(args: readonly string[], options?: SpawnOptions): ReturnType<typeof spawn>
}

export function kubectl(version: '1.36' | '1.32' = '1.36', namespace?: string): Kubectl {
  const binary = kubectlBinary(version)
  const { kubeconfig } = inject('cluster')
  const common = ['--kubeconfig', kubeconfig, ...(namespace === undefined ? [] : ['--namespace', namespace])]
  const run = (args: readonly string[], input?: string): Promise<Result> => new Promise((done) => {
    const child = execFile(binary, [...common, ...args], { maxBuffer: 64 << 20, timeout: 170_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      done({ code, stdout, stderr })
    })
    child.stdin?.end(input ?? '')
  })
  return {
    run,
    async ok(args, input) {
      const result = await run(args, input)
      if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${result.code}: ${result.stderr}${result.stdout}`)
      return result.stdout
    },
    start: (args, options = {}) => spawn(binary, [...common, ...args], { stdio: 'pipe', ...options }),
  }
}

/** Kills a container's processes behind the kubelet's back. */
export function killContainer(node: string, id: string): void {
  const socket = join(places().runDir, inject('cluster').name, node, 'containerd.sock')
  execFileSync('ctr', ['--address', socket, '--namespace', 'k8s.io', 'task', 'kill', '--signal', 'SIGKILL', id])
}

/** Asks again until the answer satisfies, or fails with the last one. */
export async function eventually<T>(what: string, ask: () => Promise<T>, satisfied: (answer: T) => boolean, limitMs = 90_000): Promise<T> {
  const end = Date.now() + limitMs
  let last: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (satisfied(answer)) return answer
      last = answer
    } catch (error) {
      last = error instanceof Error ? error.message : error
    }
    if (Date.now() > end) throw new Error(`${what} did not happen within ${limitMs / 1000} s; last: ${typeof last === 'string' ? last : JSON.stringify(last)}`)
    await new Promise((done) => setTimeout(done, 500))
  }
}

export const image = 'example.org/busybox:1'

/** A deployment of busybox pods that serve their own name over HTTP on 8080. */
export function webDeployment(name: string, replicas: number): string {
  return JSON.stringify({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name },
    spec: {
      replicas, selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 1,
          topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: name } } }],
          containers: [{
            name: 'web', image,
            command: ['sh', '-c', 'mkdir -p /www && hostname > /www/index.html && echo serving && exec httpd -f -p 8080 -h /www'],
            ports: [{ name: 'http', containerPort: 8080 }],
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
          }],
        },
      },
    },
  })
}
