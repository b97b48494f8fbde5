/**
 * What `kind build node-image` is given, offline: kind's base image from Debian packages and the files of kind's own Go
 * module, and a "server tarball" with upstream's programs and every image that a kind node brings along.
 * Usage: node conformance/kind/node-image.ts FOLDER     writes base.tar and server.tar.gz
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filesBelow, nodePackages } from '../../hack/build-image.ts'
import { type ImageOptions, type TarEntry, baseFiles, busyboxFiles, imageArchitecture, makeImage, makeImages, writeTar } from '../../src/cluster/images/index.ts'
import { cacheFolder, debianRoot } from '../images/debian.ts'

const kubernetes = 'v1.36.3'

const program = (name: string): Uint8Array => readFileSync(join(cacheFolder, 'upstream', name))
const executable = (name: string, content: Uint8Array): TarEntry => ({ name, content, mode: 0o755 })
const link = (name: string, linkTo: string): TarEntry => ({ name, linkTo })

/** Debian's names of what kind's Dockerfile installs, and runc and CNI plugins in place of builds of its own. */
const basePackages = [
  'systemd', 'conntrack', 'iptables', 'nftables', 'iproute2', 'ethtool', 'util-linux', 'mount', 'kmod', 'libseccomp2', 'pigz', 'e2fsprogs', 'bash', 'ca-certificates',
  'curl', 'jq', 'procps', 'hostname', 'socat', 'runc', 'containernetworking-plugins', 'nfs-common', 'open-iscsi', 'libstdc++6',
]

/** The clean-up of services that kind's Dockerfile does by hand. */
const baseHook = [
  'find "$1/lib/systemd/system/sysinit.target.wants/" -name systemd-tmpfiles-setup.service -delete',
  ...['lib/systemd/system/multi-user.target.wants/*', 'etc/systemd/system/*.wants/*', 'lib/systemd/system/local-fs.target.wants/*',
    'lib/systemd/system/sockets.target.wants/*udev*', 'lib/systemd/system/sockets.target.wants/*initctl*', 'lib/systemd/system/basic.target.wants/*'].map((glob) => `rm -f "$1"/${glob}`),
  'echo ReadKMsg=no >>"$1/etc/systemd/journald.conf"', 'ln -sf /usr/lib/systemd/systemd "$1/sbin/init"',
].join('; ')

function moduleFolder(module: string): string {
  return (JSON.parse(execFileSync('go', ['mod', 'download', '-json', module], { encoding: 'utf8' })) as { Dir: string }).Dir
}

/** The specification that containers start from: containerd's own with kind's hook, without limits that this machine may not set. */
function containerSpec(): Uint8Array {
  const spec = JSON.parse(execFileSync(join(cacheFolder, 'upstream/containerd-2.4/ctr'), ['oci', 'spec'], { encoding: 'utf8' })) as {
    hooks?: object
    process: { rlimits?: unknown }
  }
  delete spec.process.rlimits
  return Buffer.from(JSON.stringify({ ...spec, hooks: { ...spec.hooks, createContainer: [{ path: '/kind/bin/mount-product-files.sh' }] } }))
}

function baseImage(kind: string): Uint8Array {
  const scripts = (path: string): boolean => path.includes('/usr/local/bin/') || path.includes('/kind/bin/')
  const files = filesBelow(join(kind, 'images/base/files'), '').map((entry) => ({ ...entry, name: entry.name.slice(1), mode: scripts(entry.name) ? 0o755 : 0o644 }))
  const wanted = 'etc/systemd/system/multi-user.target.wants'
  return makeImage({
    names: ['docker.io/kindest/base:offline'], architecture: imageArchitecture(), env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'container=docker'],
    baseLayers: [debianRoot(basePackages, { name: 'kind-base', options: [`--customize-hook=${baseHook}`] })], stopSignal: 'SIGRTMIN+3',
    entrypoint: ['/usr/local/bin/entrypoint', '/sbin/init'],
    files: [
      ...files,
      ...['containerd', 'containerd-shim-runc-v2', 'ctr'].map((name) => executable(`usr/local/bin/${name}`, program(`containerd-2.4/${name}`))),
      executable('usr/local/bin/crictl', program('crictl')),
      { name: 'etc/containerd/cri-base.json', content: containerSpec() },
      ...['kubelet', 'containerd', 'undo-mount-hacks'].map((unit) => link(`${wanted}/${unit}.service`, `/etc/systemd/system/${unit}.service`)),
      link('etc/systemd/system/systemd-binfmt.service', '/dev/null'), link('opt/cni/bin', '/usr/lib/cni'), { name: 'etc/kubernetes/manifests' },
    ],
  })
}

/** The images of a node: what kubeadm names, and what kind's manifests do. */
function nodeImages(kind: string): ImageOptions[] {
  const sources = ['const_cni.go', 'const_storage.go'].map((file) => readFileSync(join(kind, 'pkg/build/nodeimage', file), 'utf8')).join('\n')
  const ofKind = (name: string): string => {
    const found = new RegExp(`"(docker\\.io/kindest/${name}:[^"]+)"`).exec(sources)
    if (found === null) throw new Error(`kind's module names no image ${name}`)
    return found[1]!
  }
  const ofKubeadm = execFileSync(join(cacheFolder, 'upstream/kubeadm'), ['config', 'images', 'list', '--kubernetes-version', kubernetes], { encoding: 'utf8' }).trim().split('\n')
  const named = (part: string): string => ofKubeadm.find((name) => name.includes(part))!
  const sandbox = /sandbox_image = "([^"]+)"/.exec(readFileSync(join(kind, 'images/base/files/etc/containerd/config.toml'), 'utf8'))![1]!
  const architecture = imageArchitecture()
  const root = debianRoot(nodePackages, { name: 'coxswain' })
  const kube = (name: string): ImageOptions => ({ names: [named(`/${name}:`)], architecture, files: [...baseFiles(), executable(`usr/local/bin/${name}`, program(name))] })
  return [
    ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map(kube),
    { ...kube('kube-proxy'), baseLayers: [root], files: [executable('usr/local/bin/kube-proxy', program('kube-proxy'))] },
    { ...kube('etcd') },
    { names: [named('/coredns/')], architecture, files: [...baseFiles(), executable('coredns', program('coredns'))], entrypoint: ['/coredns'] },
    { names: [...new Set([sandbox, named('/pause:')])], architecture, files: [executable('pause', program('pause'))], entrypoint: ['/pause'] },
    {
      names: [ofKind('kindnetd')], architecture, baseLayers: [root], entrypoint: ['/bin/kindnetd'],
      files: [executable('usr/local/bin/kubectl', program('kubectl')), executable('usr/bin/kindnetd', readFileSync(join(import.meta.dirname, 'kindnetd.sh')))],
    },
    { names: [ofKind('local-path-provisioner')], architecture, files: [...baseFiles(), executable('usr/local/bin/local-path-provisioner', program('local-path-provisioner'))], entrypoint: ['/usr/local/bin/local-path-provisioner'] },
    { names: [ofKind('local-path-helper')], architecture, files: [...baseFiles(), ...busyboxFiles()] },
  ]
}

/** Docker's oldest index in front: kind reads names from the first index that it meets, and of manifest.json only the first image's. */
function withRepositories(archive: Uint8Array, names: readonly string[]): Uint8Array {
  const repositories: Record<string, Record<string, string>> = {}
  for (const name of names) {
    const colon = name.lastIndexOf(':')
    ;(repositories[name.slice(0, colon)] ??= {})[name.slice(colon + 1)] = ''
  }
  const endOfArchive = 1024
  const head = writeTar([{ name: 'repositories', content: Buffer.from(JSON.stringify(repositories)) }])
  return Buffer.concat([head.subarray(0, head.length - endOfArchive), archive])
}

function writeServerTarball(file: string, kind: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'coxswain-kind-'))
  try {
    const bin = join(folder, 'kubernetes/server/bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(folder, 'kubernetes/version'), `${kubernetes}\n`)
    for (const name of ['kubeadm', 'kubelet', 'kubectl']) writeFileSync(join(bin, name), program(name), { mode: 0o755 })
    const all = nodeImages(kind)
    const isOwn = (image: ImageOptions, name: string): boolean => image.names[0]!.includes(`/${name}:`)
    const own = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler']
    // One archive carries what kind would pull besides.
    const groups = [...own.map((name) => [name, all.filter((image) => isOwn(image, name))] as const), ['kube-proxy', all.filter((image) => !own.some((name) => isOwn(image, name)))] as const]
    for (const [name, images] of groups) writeFileSync(join(bin, `${name}.tar`), withRepositories(makeImages(images), images.flatMap(({ names }) => names)))
    execFileSync('tar', ['-C', folder, '-I', 'gzip -1', '-cf', file, 'kubernetes'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const out = process.argv[2]
if (out === undefined) {
  process.stderr.write('usage: node conformance/kind/node-image.ts FOLDER\n')
  process.exit(2)
}
const kind = moduleFolder('sigs.k8s.io/kind@v0.33.0')
mkdirSync(out, { recursive: true })
writeFileSync(join(out, 'base.tar'), baseImage(kind))
writeServerTarball(join(out, 'server.tar.gz'), kind)
