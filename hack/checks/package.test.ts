/** The npm package as its users have it: installed below node_modules, from ES modules, CommonJS and TypeScript. */
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { buildPackage } from '../build-package.ts'

const root = resolve(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'package-'))
const modules = join(dir, 'node_modules')

// Compilers run here, on a machine that may have other work.
vi.setConfig({ hookTimeout: 600_000, testTimeout: 300_000 })

beforeAll(async () => {
  await buildPackage(join(dir, 'dist'))
  mkdirSync(modules)
  cpSync(join(dir, 'dist'), join(modules, 'coxswain'), { recursive: true })
  // What needs a binary of its own is left out: a cluster in memory must not need it.
  const native = new Set(['lmdb', '@lmdb', 'coxswain', '.bin'])
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!native.has(name)) symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

async function node(file: string, text: string): Promise<string> {
  writeFileSync(join(dir, file), text)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: dir })
  return stdout + stderr
}

const body = `
  const cluster = await startCluster({ nodes: 2 })
  const { items } = await cluster.client.list(nodes)
  console.log(items.map((node) => node.metadata.name).join(' '))
  await cluster.stop()`

test('as an ES module', async () => {
  expect(await node('esm.mjs', `import { startCluster } from 'coxswain'\nimport { nodes } from 'coxswain/resources'\n${body}\n`)).toBe('node-0 node-1\n')
})

test('state on disk without lmdb is refused with what to do', async () => {
  await expect(node('disk.mjs', 'import { startCluster } from \'coxswain\'\nawait startCluster({ dataDir: \'state\' })\n')).rejects.toThrow('needs the package lmdb')
})

test('from CommonJS', async () => {
  expect(await node('common.cjs', `const { startCluster } = require('coxswain')\nconst { nodes } = require('coxswain/resources')\nasync function main() {${body}\n}\nmain()\n`)).toBe('node-0 node-1\n')
})

test('with the helpers for node:test and jest', async () => {
  const use = `
  const cluster = useCluster({ nodes: 2 })
  test('first', async () => {
    await cluster().client.delete(nodes, { name: 'node-0' })
  })
  test('second', async () => {
    console.log('nodes:', (await cluster().client.list(nodes)).items.length)
  })`
  expect(await node('node-test.mjs', `import { test } from 'node:test'\nimport { useCluster } from 'coxswain/node-test'\nimport { nodes } from 'coxswain/resources'\n${use}\n`)).toMatch(/nodes: 2[^]*pass 2/)
  // Jest's hooks are globals, as those of its older relatives.
  const hooks = 'const { before, after, beforeEach, afterEach, test } = require(\'node:test\')\nObject.assign(globalThis, { beforeAll: before, afterAll: after, beforeEach, afterEach })'
  expect(await node('jest.cjs', `${hooks}\nconst { useCluster } = require('coxswain/jest')\nconst { nodes } = require('coxswain/resources')\n${use}\n`)).toMatch(/nodes: 2[^]*pass 2/)
})

test('with its types, strictly', () => {
  writeFileSync(join(dir, 'typed.ts'), [
    'import { type Cluster, startCluster } from \'coxswain\'', 'import { deployments } from \'coxswain/resources\'',
    'const cluster: Cluster = await startCluster()',
    'const replicas: number | undefined = (await cluster.client.get(deployments, { namespace: \'a\', name: \'b\' })).spec?.replicas',
    '// @ts-expect-error a deployment has no such field', 'const wrong = (await cluster.client.get(deployments, { name: \'b\' })).spec?.replica',
    'console.log(replicas, wrong)',
  ].join('\n'))
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions: { strict: true, module: 'nodenext', target: 'es2024', noEmit: true, types: ['node'] }, files: ['typed.ts'] }))
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', dir], { encoding: 'utf8' })
})

test('its command answers', () => {
  expect(execFileSync(process.execPath, [join(modules, 'coxswain/lib/main.js'), 'version'], { encoding: 'utf8' })).toContain('v1.36')
})
