/**
 * Who may import whom, and where the ambient world may be touched. Both are data here; layers.test.ts checks the tree.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** Layers in order of rank: a folder may import itself and what it lists. Longest prefix wins. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/base': [],
  'src/api': ['src/base'],
  'src/client': ['src/base', 'src/api'],
  'src/apiserver': ['src/base', 'src/api', 'src/client'],
  'src/apiserver/storage': ['src/base'],
  // Besides: how bytes of certificates are read, and which objects of priority and fairness are as they are.
  'src/apiserver/resources': ['src/api', 'src/base/der.ts', 'src/apiserver/handler.ts', 'src/apiserver/allocators', 'src/apiserver/flowcontrol/bootstrap.ts'],
  'src/scheduler': ['src/base', 'src/api', 'src/client'],
  'src/scheduler/plugins': [
    'src/api', 'src/base/env.ts', 'src/client/client.ts', 'src/client/lister.ts',
    ...['framework', 'resources', 'snapshot', 'cluster-events', 'pod-counts', 'topology', 'default-selector', 'fit-message', 'extender'].map((name) => `src/scheduler/${name}.ts`),
  ],
  'src/controllers': ['src/base', 'src/api', 'src/client'],
  'src/cloud': ['src/base', 'src/api', 'src/client'],
  'src/kubelet': ['src/base', 'src/api', 'src/client'],
  'src/proxy': ['src/base', 'src/api', 'src/client'],
  'src/cluster': ['src/base', 'src/api', 'src/client', 'src/apiserver', 'src/scheduler', 'src/controllers', 'src/cloud', 'src/kubelet', 'src/proxy', 'src/sim/nodes'],
  // Simulated nodes are a component like the kubelet, so a cluster may start them.
  'src/sim/nodes': ['src/base', 'src/api', 'src/client'],
  'src/sim': ['src/base', 'src/api', 'src/client', 'src/cluster', 'src/apiserver', 'src/scheduler', 'src/controllers', 'src/kubelet', 'src/proxy'],
  'src/cli': ['src', 'package.json'],
}

/** Folders that are drivers: the only ones that may touch clocks, chance, processes, files and sockets. */
export const ambientAllowed: readonly string[] = [
  'src/base/real', 'src/apiserver/http', 'src/apiserver/streams', 'src/apiserver/storage/lmdb', 'src/apiserver/storage/etcd', 'src/apiserver/storage/server', 'src/apiserver/encryption/kms/grpc',
  'src/client/http', 'src/client/testing', 'src/kubelet/cri', 'src/kubelet/rpc', 'src/kubelet/cgroups', 'src/kubelet/host', 'src/kubelet/volumes/host', 'src/kubelet/server',
  'src/kubelet/probes/host', 'src/kubelet/testing', 'src/proxy/nftables/exec', 'src/cloud/local/exec', 'src/cloud/grpc', 'src/proxy/iptables/exec', 'src/proxy/conntrack/exec',
  'src/proxy/dns/server', 'src/proxy/health/server', 'src/proxy/testing', 'src/cluster/hosts', 'src/cluster/images', 'src/cluster/pki', 'src/cli',
]

const ambientModules = /^node:(fs|net|child_process|http|http2|https|os|dgram|dns|tls|timers|process|worker_threads|cluster)(\/|$)/
const ambientCalls = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|(?<![.\w])(?:setTimeout|setInterval|setImmediate)\((?!callback:)|\bprocess\.(?!versions)\w+|\bperformance\.now\(|(?<![.\w])fetch\(/

export interface Violation {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** Every import of a source file, type imports and dynamic ones too, resolved to a path below `root` where relative. */
export function importsOf(root: string, file: string): { target: string; line: number }[] {
  const text = readFileSync(join(root, file), 'utf8')
  const out: { target: string; line: number }[] = []
  for (const match of text.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^import\s+)['"]([^'"]+)['"]/gm)) {
    const specifier = match[1]!
    const line = text.slice(0, match.index).split('\n').length
    out.push({ target: specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : specifier, line })
  }
  return out
}

/** What tests are built with: it may import and touch what they do. */
function isTestCode(file: string): boolean {
  return /(\.test|\.bench|\/testing|\/suite)\.ts$/.test(file) || file.includes('/testing/')
}

/** Address checks are pure though they live in a module of sockets. */
const pureNetImport = /import \{ (?:isIP\w*|BlockList)(?:, (?:isIP\w*|BlockList))* \} from 'node:net'/

/** Imports that go up or sideways. Test files may also import what they test against: the whole server below cluster. */
export function layerViolations(root: string, files: readonly string[]): Violation[] {
  const out: Violation[] = []
  for (const file of files) {
    if (isTestCode(file)) continue
    const layer = longestPrefix(Object.keys(mayImport), file)
    if (layer === undefined) continue
    const allowed = [layer, ...mayImport[layer]!]
    for (const { target, line } of importsOf(root, file)) {
      if (!target.startsWith('src/') || allowed.some((prefix) => isUnder(target, prefix))) continue
      out.push({ file, line, text: `${layer} may not import ${target}` })
    }
  }
  return out
}

/** Uses of the ambient world outside the driver folders. */
export function ambientViolations(root: string, files: readonly string[]): Violation[] {
  const out: Violation[] = []
  for (const file of files) {
    if (isTestCode(file) || ambientAllowed.some((prefix) => isUnder(file, prefix))) continue
    const lines = readFileSync(join(root, file), 'utf8').split('\n')
    for (const { target, line } of importsOf(root, file)) {
      if (ambientModules.test(target) && !pureNetImport.test(lines[line - 1]!)) out.push({ file, line, text: `imports ${target} outside a driver folder` })
    }
    lines.forEach((text, index) => {
      const code = text.replace(/\/\/.*$/, '').replace(/^\s*\*.*$/, '').replace(/`[^`]*`|'[^']*'|"[^"]*"/g, "''")
      if (ambientCalls.test(code)) out.push({ file, line: index + 1, text: text.trim() })
    })
  }
  return out
}

function isUnder(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`) || path.startsWith(`${prefix}.`)
}

function longestPrefix(prefixes: readonly string[], path: string): string | undefined {
  return prefixes.filter((prefix) => isUnder(path, prefix)).sort((a, b) => b.length - a.length)[0]
}
