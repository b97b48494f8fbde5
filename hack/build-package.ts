/** Builds the npm package: compiled sources with declarations, data files and a manifest whose entries point at them. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const root = resolve(import.meta.dirname, '..')

interface Manifest {
  exports: Record<string, string>
  bin: Record<string, string>
  scripts?: unknown
  devDependencies?: unknown
}

/** Everything that a user of the package gets, in `out`, which is emptied first. */
export function buildPackage(out: string): void {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const config = join(out, 'tsconfig.json')
  writeFileSync(config, JSON.stringify({
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false, declaration: true, rewriteRelativeImportExtensions: true, rootDir: root, outDir: out,
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: [join(root, 'src')],
    exclude: [join(root, 'src/**/*.test.ts'), join(root, 'src/**/testing/**'), join(root, 'src/**/testdata/**')],
  }))
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { stdio: ['ignore', 'inherit', 'inherit'] })
  rmSync(config)
  for (const entry of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || entry.name.endsWith('.ts') || path.includes('/testdata/')) continue
    cpSync(path, join(out, path.slice(root.length)))
  }
  for (const file of ['README.md', 'LICENSE']) cpSync(join(root, file), join(out, file))
  writeFileSync(join(out, 'package.json'), JSON.stringify(publishedManifest(), null, 2) + '\n')
  chmodSync(join(out, 'src/cli/main.js'), 0o755)
}

/** The manifest of the sources with its entries compiled and what only development needs left out. */
function publishedManifest(): object {
  const { exports, scripts: _scripts, devDependencies: _dev, ...manifest } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const compiled = Object.entries(exports).map(([name, source]) => {
    const base = source.replace(/\.ts$/, '')
    return [name, { types: `${base}.d.ts`, default: `${base}.js` }]
  })
  return { ...manifest, bin: { coxswain: 'src/cli/main.js' }, exports: Object.fromEntries(compiled) as object, files: ['src'] }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'dist') } } })
  const out = resolve(values.out)
  buildPackage(out)
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', out], { cwd: out, encoding: 'utf8' }).trim()
  process.stdout.write(`${join(out, packed)}\n`)
}
