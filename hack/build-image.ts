/** Builds the container image of Coxswain: a Debian root with what nodes need, Node, the compiled package with its dependencies. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { debianRoot } from '../conformance/images/debian.ts'
import { type TarEntry, imageArchitecture, makeImage, writeTar } from '../src/cluster/images/index.ts'
import { buildPackage } from './build-package.ts'
import { servingProgram, smallProgram } from '../src/cluster/hosts/small.ts'

const root = resolve(import.meta.dirname, '..')

/** What `hack/setup` installs for real nodes. */
export const nodePackages = [
  'containerd', 'runc', 'containernetworking-plugins', 'nftables', 'iptables', 'conntrack', 'iproute2', 'util-linux', 'busybox-static',
  'procps', 'ca-certificates', 'libstdc++6',
]

/** Upstream's names of the components. */
const upstreamNames: Readonly<Record<string, string>> = {
  'kube-apiserver': 'apiserver', 'kube-controller-manager': 'controller-manager', 'kube-scheduler': 'scheduler', kubelet: 'kubelet', 'kube-proxy': 'proxy', etcd: 'etcd',
}

/** What runs on every node is held small. */
const flagsOf = (command: string): readonly string[] => (command === 'apiserver' ? servingProgram.flags : command === 'kubelet' || command === 'proxy' ? smallProgram.flags : [])

/** Where the package lies in the image. */
const home = 'usr/local/lib/coxswain'

/** The files below a folder, as entries below `name`. */
export function filesBelow(folder: string, name: string, wanted: (path: string) => boolean = () => true): TarEntry[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(wanted)
    .sort()
    .map((path) => ({ name: `${name}/${path.slice(folder.length + 1)}`, content: readFileSync(path), mode: path.endsWith('.sh') || path.endsWith('/lib/main.js') ? 0o755 : 0o644 }))
}

/** The packages that run, as package-lock.json names them: not those that only development needs, not other platforms'. */
export function runtimePackages(): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { dev?: boolean }> }
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(join(root, path)))
    .map(([path]) => path)
}

/** Node and the compiled package with its dependencies, as they lie in an image or below a node's root. */
export async function coxswainFiles(): Promise<{ node: TarEntry[]; program: TarEntry[] }> {
  const out = mkdtempSync(join(tmpdir(), 'coxswain-image-'))
  try {
    await buildPackage(out)
    const runs = (path: string): boolean => !/\.(?:map|md|ts|mts|cts|flow|c|cc|cpp|h|hpp)$/.test(path)
    return {
      node: [{ name: 'usr/local/bin/node', content: readFileSync(join(root, 'node_modules/node/bin/node')), mode: 0o755 }],
      program: [
        ...filesBelow(out, home, runs),
        // A nested package lies within the files of the one that brings it.
        ...runtimePackages().filter((path) => path.lastIndexOf('node_modules/') === 0).flatMap((path) => filesBelow(join(root, path), `${home}/${path}`, runs)),
        { name: 'usr/local/bin/coxswain', linkTo: `/${home}/lib/main.js` },
        // Where an image or a unit names upstream's program, ours is found.
        ...Object.entries(upstreamNames).map(([name, command]) => ({
          name: `usr/local/bin/${name}`, mode: 0o755,
          content: Buffer.from(`#!/bin/sh\nexec env ${smallProgram.environment.join(' ')} /usr/local/bin/node ${flagsOf(command).map((flag) => `${flag} `).join('')}/${home}/lib/main.js ${command} "$@"\n`),
        })),
      ],
    }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

export async function buildImage(names: readonly string[]): Promise<Uint8Array> {
  const { node, program } = await coxswainFiles()
  return makeImage({
    names, architecture: imageArchitecture(), baseLayers: [debianRoot(nodePackages, { name: 'coxswain' }), writeTar(node)],
    files: [
      ...program, { name: 'usr/local/bin/coxswain-entry', content: readFileSync(join(import.meta.dirname, 'image-entry.sh')), mode: 0o755 },
      // Anybody may run a control plane.
      { name: 'var/lib/coxswain', mode: 0o777 },
    ],
    entrypoint: ['/usr/local/bin/coxswain-entry'], exposedPorts: ['6443/tcp'], volumes: ['/var/lib/coxswain'],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'XDG_STATE_HOME=/var/lib', 'KUBECONFIG=/var/lib/coxswain/kubeconfig.yaml'],
  })
}

if (import.meta.main) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'dist/coxswain-image.tar') }, name: { type: 'string', multiple: true, default: [`coxswain:${version}`, 'coxswain:latest'] } } })
  const out = resolve(values.out)
  mkdirSync(dirname(out), { recursive: true })
  writeFileSync(`${out}.part`, await buildImage(values.name))
  renameSync(`${out}.part`, out)
  process.stdout.write(`${out}\n`)
}
