/** Roots of Debian packages as tar archives, which images are laid over; made once for each list of packages. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What is built once and kept: hack/upstream's programs, roots of images. */
export const cacheFolder = process.env['COXSWAIN_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/root', '.cache'), 'coxswain')

export interface DebianRootOptions {
  /** More options for mmdebstrap; hooks see the root as $1. */
  readonly options?: readonly string[]
  /** The archive in the cache is called after it. */
  readonly name?: string
}

/** The file with the root, an uncompressed tar: bookworm's minimum, the packages, no documentation. Needs root and mmdebstrap. */
export function debianRootFile(packages: readonly string[], { options = [], name = 'debian' }: DebianRootOptions = {}): string {
  const key = createHash('sha256').update([...packages, ...options].join(' ')).digest('hex').slice(0, 12)
  const file = join(cacheFolder, 'images', `${name}-${key}.tar`)
  if (existsSync(file)) return file
  mkdirSync(dirname(file), { recursive: true })
  process.stderr.write('images: making a Debian root (half a minute to two minutes)\n')
  const slim = ['man', 'doc', 'locale'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`)
  const fixed = ['--quiet', '--variant=minbase', '--format=tar', `--include=${packages.join(',')}`, '--aptopt=Apt::Install-Recommends "false"']
  execFileSync('mmdebstrap', [...fixed, ...slim, ...options, 'bookworm', `${file}.part`], { stdio: ['ignore', 'ignore', 'inherit'] })
  renameSync(`${file}.part`, file)
  return file
}

export function debianRoot(packages: readonly string[], options: DebianRootOptions = {}): Uint8Array {
  return readFileSync(debianRootFile(packages, options))
}
