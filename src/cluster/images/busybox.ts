/** The root file systems that need no registry: Debian's static busybox with its commands, and a pause image made of it. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { arch } from 'node:os'
import { makeImage } from './make-image.ts'
import type { TarEntry } from './tar.ts'

/** The image that keeps a pod's namespaces open, under the name that containerd is configured with. */
export const pauseImageName = 'coxswain.local/pause:1'

/** "amd64" or "arm64": what images for this machine say. */
export function imageArchitecture(): 'amd64' | 'arm64' {
  return arch() === 'arm64' ? 'arm64' : 'amd64'
}

/** What a program expects around it: users, /tmp, /etc. */
export function baseFiles(): TarEntry[] {
  return [
    { name: 'bin' }, { name: 'etc' }, { name: 'root', mode: 0o700 }, { name: 'tmp', mode: 0o1777 }, { name: 'var' }, { name: 'home' },
    { name: 'etc/passwd', content: Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n') },
    { name: 'etc/group', content: Buffer.from('root:x:0:\nnogroup:x:65534:\n') },
    { name: 'etc/nsswitch.conf', content: Buffer.from('hosts: files dns\n') },
  ]
}

/** The program at `path` under /bin, with a link for every command that it has in it. */
export function busyboxFiles(path = '/bin/busybox'): TarEntry[] {
  if (!existsSync(path)) throw new Error(`there is no ${path}: install Debian's busybox-static`)
  const applets = execFileSync(path, ['--list'], { encoding: 'utf8' }).split('\n').filter((name) => name !== '' && name !== 'busybox')
  return [
    { name: 'bin/busybox', content: readFileSync(path), mode: 0o755 },
    ...applets.map((name) => ({ name: `bin/${name}`, linkTo: 'busybox' })),
    { name: 'usr' }, { name: 'usr/bin' }, { name: 'usr/bin/env', linkTo: '../../bin/busybox' },
  ]
}

/** Sleeps until it is told to end; as process 1 of a shared process namespace it also reaps. */
export function makePauseImage(path = '/bin/busybox'): Uint8Array {
  const script = "#!/bin/busybox sh\ntrap 'exit 0' TERM INT\nwhile :; do /bin/busybox sleep 2147483647 & wait; done\n"
  return makeImage({
    names: [pauseImageName],
    files: [...baseFiles(), { name: 'bin/busybox', content: readFileSync(path), mode: 0o755 }, { name: 'pause', content: Buffer.from(script), mode: 0o755 }],
    entrypoint: ['/pause'], architecture: imageArchitecture(),
  })
}

/** A shell and the usual commands under the given names. */
export function makeBusyboxImage(names: readonly string[], path = '/bin/busybox'): Uint8Array {
  return makeImage({ names, files: [...baseFiles(), ...busyboxFiles(path)], cmd: ['sh'], architecture: imageArchitecture() })
}
