/**
 * Builds the npm package: modules, declarations and a manifest whose entries point at them. Usage: hack/package [--out DIR];
 * with --program nothing but the program, whose path is printed (and, with --beside, modules of the sources beside it).
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { brotliCompressSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { definitionNames } from '../src/api/schema/builtin.ts'
import { descriptionsFile, gatherDescriptions } from '../src/apiserver/http/descriptions.ts'

const root = resolve(import.meta.dirname, '..')

interface Manifest {
  exports: Record<string, string>
  bin: Record<string, string>
  scripts?: unknown
  devDependencies?: unknown
}

/**
 * Everything that a user of the package gets, in `out`, which is emptied first: the program and the library as few large
 * modules in lib/ (a start spends half of its time loading, so the number of files counts) and declarations in src/.
 */
export async function buildPackage(out: string): Promise<void> {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const config = join(out, 'tsconfig.json')
  writeFileSync(config, JSON.stringify({
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false, declaration: true, emitDeclarationOnly: true, rewriteRelativeImportExtensions: true, rootDir: root, outDir: out,
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: [join(root, 'src')],
    exclude: [join(root, 'src/**/*.test.ts'), join(root, 'src/**/testing/**'), join(root, 'src/**/testdata/**')],
  }))
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { stdio: ['ignore', 'inherit', 'inherit'] })
  rmSync(config)
  await bundle(join(out, 'lib'), entriesOf(manifest))
  for (const file of ['README.md', 'LICENSE']) cpSync(join(root, file), join(out, file))
  writeFileSync(join(out, 'package.json'), JSON.stringify(publishedManifest(manifest), null, 2) + '\n')
}

/** The program alone, at `out`/lib/main.js, for those who measure it: without declarations and manifest. */
async function bundleProgram(out: string, beside: readonly string[]): Promise<string> {
  rmSync(join(out, 'lib'), { recursive: true, force: true })
  await bundle(join(out, 'lib'), beside.map((file) => {
    const source = file.replace(/\.ts$/, '')
    return { name: source, source, module: source.replaceAll('/', '-') }
  }))
  return join(out, 'lib/main.js')
}

interface Entry {
  /** As in package.json: "./resources". */
  readonly name: string
  /** Without its ending: "./src/api/generated/resources". */
  readonly source: string
  readonly module: string
}

function entriesOf({ exports }: Manifest): Entry[] {
  return Object.entries(exports).map(([name, source]) => ({
    name, source: source.replace(/\.ts$/, ''), module: name === '.' ? 'index' : name.slice(2),
  }))
}

async function bundle(out: string, entries: readonly Entry[]): Promise<void> {
  const build = await rolldown({
    input: { main: join(root, 'src/cli/main.ts'), ...Object.fromEntries(entries.map(({ module, source }) => [module, join(root, `${source}.ts`)])) },
    platform: 'node',
    // Packages stay packages: users mend and replace them by themselves.
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
  })
  // One character beyond Latin-1 would make V8 keep a whole module with two bytes for each of its characters.
  await build.write({ dir: out, format: 'esm', charset: 'ascii', comments: false, chunkFileNames: '[name]-[hash].js' })
  await build.close()
  chmodSync(join(out, 'main.js'), 0o755)
  // What is no module lies beside the modules that name it.
  writeFileSync(join(out, descriptionsFile), brotliCompressSync(JSON.stringify(gatherDescriptions(definitionNames()))))
  for (const entry of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && entry.name.endsWith('.sh')) cpSync(join(entry.parentPath, entry.name), join(out, entry.name))
  }
}

/** The manifest of the sources with its entries built and what only development needs left out. */
function publishedManifest({ scripts: _scripts, devDependencies: _dev, ...manifest }: Manifest): object {
  const built = entriesOf(manifest).map(({ name, source, module }) => [name, { types: `${source}.d.ts`, default: `./lib/${module}.js` }] as const)
  return { ...manifest, bin: { coxswain: 'lib/main.js' }, exports: Object.fromEntries(built), files: ['lib', 'src'] }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'dist') }, program: { type: 'boolean', default: false }, beside: { type: 'string', multiple: true, default: [] } } })
  const out = resolve(values.out)
  if (values.program) {
    process.stdout.write(`${await bundleProgram(out, values.beside)}\n`)
  } else {
    await buildPackage(out)
    const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', out], { cwd: out, encoding: 'utf8' }).trim()
    process.stdout.write(`${join(out, packed)}\n`)
  }
}
