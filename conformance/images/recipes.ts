/** How each image that conformance tests name is made: a Debian root or nothing below, upstream's own programs on it. */
import { existsSync, readFileSync } from 'node:fs'
import { type ImageOptions, type TarEntry, baseFiles, busyboxFiles, writeTar } from '../../src/cluster/images/index.ts'

/** What recipes are made from; each is asked for only when a recipe needs it. */
export interface Ingredients {
  /** A Debian root with the tools that tests call inside their pods, as an uncompressed tar. */
  debianRoot(): Uint8Array
  /** A program of hack/upstream. */
  program(name: string): Uint8Array
  /** A file below upstream's test/images. */
  upstreamFile(path: string): Uint8Array
}

export type Recipe = (from: Ingredients) => Omit<ImageOptions, 'names'>

/** Debian packages of the root: what the originals of agnhost and glibc-dns-testing bring, and nginx. */
export const debianPackages = [
  'bind9-dnsutils', 'curl', 'netcat-openbsd', 'iproute2', 'iperf', 'util-linux', 'ca-certificates', 'nginx-light', 'procps', 'bash-static',
]

const text = (content: string): Uint8Array => Buffer.from(content)
const executable = (name: string, content: Uint8Array): TarEntry => ({ name, content, mode: 0o755 })

/** Debian's own accounts and the two that agnhost's users tests look for. */
const accounts: TarEntry[] = [
  { name: 'etc/passwd', content: text('root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\nuser-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n') },
  { name: 'etc/group', content: text('root:x:0:\ntty:x:5:\nadm:x:4:\nwww-data:x:33:\nnogroup:x:65534:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n') },
]

const nginxConfig = 'user www-data; worker_processes 1; pid /run/nginx.pid; error_log stderr; events {} http { access_log off; server { listen 80; root /var/www/html; } }\n'

/** A layer of its own, which several images share. */
const agnhostLayer = (from: Ingredients): Uint8Array => writeTar([executable('agnhost', from.program('agnhost'))])

const agnhost: Recipe = (from) => ({
  baseLayers: [from.debianRoot(), agnhostLayer(from)], entrypoint: ['/agnhost'], cmd: ['pause'], exposedPorts: ['80/tcp', '8080/tcp', '8081/tcp', '9376/tcp', '5000/tcp'],
  files: [
    { name: 'agnhost-2', linkTo: 'agnhost' }, { name: 'uploads' }, ...accounts,
    { name: 'localhost.crt', content: from.upstreamFile('agnhost/porter/localhost.crt') },
    { name: 'localhost.key', content: from.upstreamFile('agnhost/porter/localhost.key') },
  ],
})

/**
 * agnhost's web server over a picture and a data.json that says which. The original stands on Alpine and a test that mounts
 * it as a volume reads there whose it is: here that one file is Alpine's, the rest is what the picture needs.
 */
const picture = (name: string): Recipe => (from) => ({
  baseLayers: [agnhostLayer(from)], entrypoint: ['/agnhost'], cmd: ['test-webserver'],
  files: [
    ...baseFiles(), { name: 'etc/os-release', content: text('NAME="Alpine Linux"\nID=alpine\nPRETTY_NAME="Alpine Linux"\n') },
    ...[`${name}.jpg`, 'data.json'].map((file) => ({ name: file, content: from.upstreamFile(`${name}/html/${file}`) })),
  ],
})

/**
 * /bin/sh is busybox's, whose messages a test compares; the `sh` that is found first by its bare name is bash, because
 * Debian's busybox does not hand on environment names with a dash as the original's shell does.
 */
const busybox: Recipe = () => {
  const bash = '/bin/bash-static'
  if (!existsSync(bash)) throw new Error(`there is no ${bash}: install Debian's bash-static`)
  return { cmd: ['sh'], files: [...baseFiles(), ...busyboxFiles(), executable('usr/local/bin/sh', readFileSync(bash))] }
}

/** By the last part of the repository's name. */
export const recipes: Readonly<Record<string, Recipe>> = {
  agnhost,
  nonroot: (from) => ({ ...agnhost(from), user: '1234' }),
  busybox,
  pause: (from) => ({ entrypoint: ['/pause'], user: '65535:65535', files: [executable('pause', from.program('pause'))] }),
  nginx: (from) => ({
    baseLayers: [from.debianRoot()], cmd: ['nginx', '-g', 'daemon off;'], exposedPorts: ['80/tcp'],
    files: [{ name: 'etc/nginx/nginx.conf', content: text(nginxConfig) }, { name: 'var/www/html/index.html', content: text('<title>Welcome to nginx!</title>\n') }],
  }),
  'glibc-dns-testing': (from) => ({ baseLayers: [from.debianRoot()], cmd: ['/bin/bash'], files: [{ name: 'uploads' }] }),
  kitten: picture('kitten'),
  nautilus: picture('nautilus'),
  // Owned by root and setuid: whether that helps is what the test is about.
  nonewprivs: (from) => ({ cmd: ['nnp'], files: [...baseFiles(), { ...executable('usr/local/bin/nnp', from.program('nonewprivs')), mode: 0o4755 }] }),
  etcd: (from) => ({ files: [...baseFiles(), executable('usr/local/bin/etcd', from.program('etcd'))] }),
  'sample-apiserver': (from) => ({ entrypoint: ['/sample-apiserver'], files: [...baseFiles(), executable('sample-apiserver', from.program('sample-apiserver'))] }),
}

/** What hack/upstream has to build first. */
export const programs = ['agnhost', 'pause', 'nonewprivs', 'etcd', 'sample-apiserver', 'e2e.test']
