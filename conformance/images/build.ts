/**
 * Builds the images that upstream's conformance tests name, offline: Debian packages and upstream's Go modules. One archive
 * holds them all, with what they share in it once. Nothing is done when the archive was made from the same ingredients.
 * Usage: node conformance/images/build.ts OUT.tar     (needs root for mmdebstrap)
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type ImageOptions, imageArchitecture, makeImages } from '../../src/cluster/images/index.ts'
import { cacheFolder, debianRoot } from './debian.ts'
import { namedImages } from './names.ts'
import { type Ingredients, debianPackages, programs, recipes } from './recipes.ts'

const top = resolve(import.meta.dirname, '../..')
const programPath = (name: string): string => join(cacheFolder, 'upstream', name)

function upstreamFile(path: string): Uint8Array {
  const { Dir } = JSON.parse(execFileSync('go', ['mod', 'download', '-json', 'k8s.io/kubernetes@v1.36.3'], { encoding: 'utf8' })) as { Dir: string }
  return readFileSync(join(Dir, 'test/images', path))
}

/** Each image once, whatever number of names it has. */
function images(listing: string): ImageOptions[] {
  let root: Uint8Array | undefined
  const from: Ingredients = { debianRoot: () => (root ??= debianRoot(debianPackages)), program: (name) => readFileSync(programPath(name)), upstreamFile }
  const named = namedImages(listing)
  return Object.entries(recipes).map(([name, recipe]) => {
    const names = named.filter((image) => image.recipe === name).map(({ reference }) => reference)
    if (names.length === 0) throw new Error(`e2e.test --list-images names no ${name}`)
    return { ...recipe(from), names, architecture: imageArchitecture() }
  })
}

/** Changes when anything that the archive is made from does. */
function ingredientsKey(listing: string): string {
  const sources = [import.meta.dirname, join(top, 'src/cluster/images')]
    .flatMap((dir) => readdirSync(dir).filter((file) => file.endsWith('.ts')).sort().map((file) => readFileSync(join(dir, file), 'utf8')))
  const built = [...programs.map(programPath), '/bin/busybox', '/bin/bash-static'].map((path) => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) throw new Error(`${path} is missing`)
    return `${path} ${stat.size} ${stat.mtimeMs}`
  })
  return hash([listing.split('\n').sort().join('\n'), ...sources, ...built].join('\0'))
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const out = process.argv[2]
if (out === undefined) {
  process.stderr.write('usage: node conformance/images/build.ts OUT.tar\n')
  process.exit(2)
}
execFileSync(join(top, 'hack/upstream'), programs, { stdio: ['ignore', 'ignore', 'inherit'] })
const listing = execFileSync(programPath('e2e.test'), ['--list-images'], { encoding: 'utf8' })
const key = ingredientsKey(listing)
if (!existsSync(out) || !existsSync(`${out}.key`) || readFileSync(`${out}.key`, 'utf8') !== key) {
  mkdirSync(dirname(out), { recursive: true })
  writeFileSync(`${out}.part`, makeImages(images(listing)))
  renameSync(`${out}.part`, out)
  writeFileSync(`${out}.key`, key)
  process.stderr.write(`images: wrote ${out}\n`)
}
