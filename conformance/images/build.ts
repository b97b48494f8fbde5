/**
 * Builds the images that upstream's tests name, offline: a Debian root from packages, upstream's programs from their Go
 * modules (hack/upstream), and a busybox. One archive holds them all, with what they share in it once.
 * Usage: node conformance/images/build.ts OUT.tar     (needs root for mmdebstrap, and the binaries of hack/upstream)
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type ImageOptions, type TarEntry, baseFiles, busyboxFiles, imageArchitecture, makeImages } from '../../src/cluster/images/index.ts'

const cache = join(process.env['COXSWAIN_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/root', '.cache'), 'coxswain'))
const registry = 'registry.k8s.io'
const e2e = `${registry}/e2e-test-images`
const packages = ['bind9-dnsutils', 'curl', 'netcat-openbsd', 'iproute2', 'iperf', 'util-linux', 'ca-certificates', 'nginx-light', 'procps', 'bash-static']

/** A Debian root with the tools that the tests call inside their pods; made once and kept. */
function debianRoot(): Uint8Array {
  const file = join(cache, 'images', 'base.tar')
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true })
    process.stderr.write('images: making a Debian root (half a minute)\n')
    const slim = ['man', 'doc', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`)
    execFileSync('mmdebstrap', ['--quiet', '--variant=minbase', '--format=tar', `--include=${packages.join(',')}`, '--aptopt=Apt::Install-Recommends "false"', ...slim, 'bookworm', `${file}.part`], { stdio: ['ignore', 'ignore', 'inherit'] })
    renameSync(`${file}.part`, file)
  }
  return readFileSync(file)
}

function program(name: string): Uint8Array {
  const path = join(cache, 'upstream', name)
  if (!existsSync(path)) throw new Error(`${path} is missing: run hack/upstream ${name}`)
  return readFileSync(path)
}

function upstreamFile(path: string): Uint8Array {
  const { Dir } = JSON.parse(execFileSync('go', ['mod', 'download', '-json', 'k8s.io/kubernetes@v1.36.3'], { encoding: 'utf8' })) as { Dir: string }
  return readFileSync(join(Dir, 'test/images', path))
}

const text = (content: string): Uint8Array => Buffer.from(content)

/** Debian's own accounts and the two that agnhost's users tests look for. */
const accounts: TarEntry[] = [
  { name: 'etc/passwd', content: text('root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\nuser-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n') },
  { name: 'etc/group', content: text('root:x:0:\ntty:x:5:\nadm:x:4:\nwww-data:x:33:\nnogroup:x:65534:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n') },
]

function images(): ImageOptions[] {
  const baseLayers = [debianRoot()]
  const architecture = imageArchitecture()
  const agnhost: TarEntry = { name: 'agnhost', content: program('agnhost'), mode: 0o755 }
  const nginxConfig = 'user www-data; worker_processes 1; pid /run/nginx.pid; error_log stderr; events {} http { access_log off; server { listen 80; root /var/www/html; } }\n'
  return [
    {
      names: [`${e2e}/agnhost:2.63.0`, `${e2e}/agnhost:2.55`], baseLayers, architecture, entrypoint: ['/agnhost'], cmd: ['pause'],
      exposedPorts: ['80/tcp', '8080/tcp', '8081/tcp', '9376/tcp', '5000/tcp'],
      files: [
        agnhost, { name: 'agnhost-2', linkTo: 'agnhost' }, { name: 'uploads' }, ...accounts,
        { name: 'localhost.crt', content: upstreamFile('agnhost/porter/localhost.crt') },
        { name: 'localhost.key', content: upstreamFile('agnhost/porter/localhost.key') },
      ],
    },
    {
      names: [`${e2e}/nginx:1.15-4`, `${e2e}/nginx:1.27-0`], baseLayers, architecture, cmd: ['nginx', '-g', 'daemon off;'], exposedPorts: ['80/tcp'],
      files: [{ name: 'etc/nginx/nginx.conf', content: text(nginxConfig) }, { name: 'var/www/html/index.html', content: text('<title>Welcome to nginx!</title>\n') }],
    },
    { names: [`${e2e}/glibc-dns-testing:2.0.0`], baseLayers, architecture, cmd: ['/bin/bash'], files: [{ name: 'uploads' }] },
    // bash as sh: it hands on environment names with a dash, as the original's shell does and Debian's busybox does not.
    {
      names: [`${e2e}/busybox:1.37.0-1`], architecture, cmd: ['sh'],
      files: [...baseFiles(), ...busyboxFiles().filter(({ name }) => name !== 'bin/sh'), { name: 'bin/sh', content: readFileSync('/bin/bash-static'), mode: 0o755 }],
    },
    ...['3.10', '3.10.2'].map((tag): ImageOptions => ({
      names: [`${registry}/pause:${tag}`], architecture, entrypoint: ['/pause'], user: '65535:65535',
      files: [{ name: 'pause', content: program('pause'), mode: 0o755 }],
    })),
  ]
}

const out = process.argv[2]
if (out === undefined) {
  process.stderr.write('usage: node conformance/images/build.ts OUT.tar\n')
  process.exit(2)
}
mkdirSync(dirname(out), { recursive: true })
writeFileSync(`${out}.part`, makeImages(images()))
renameSync(`${out}.part`, out)
process.stderr.write(`images: wrote ${out}\n`)
