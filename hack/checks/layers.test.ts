import { execFileSync } from 'node:child_process'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { ambientViolations, layerViolations } from './layers.ts'

const root = resolve(import.meta.dirname, '../..')

function sources(): string[] {
  const out = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'src/*.ts', 'src/**/*.ts'], { cwd: root, encoding: 'utf8' })
  return [...new Set(out.split('\n').filter((file) => file.endsWith('.ts')))]
}

test('imports follow the layers', () => {
  const files = sources()
  expect(files.length).toBeGreaterThan(20)
  expect(layerViolations(root, files)).toEqual([])
})

test('time, chance and I/O are touched only in driver folders', () => {
  expect(ambientViolations(root, sources())).toEqual([])
})

test('the checks see what they are for', () => {
  const dir = mkdtempSync(join(tmpdir(), 'layers-'))
  try {
    mkdirSync(join(dir, 'src/scheduler'), { recursive: true })
    writeFileSync(join(dir, 'src/scheduler/bad.ts'), "import type { X } from '../kubelet/x.ts'\nimport { y } from 'node:fs'\nconst t = Date.now()\n")
    expect(layerViolations(dir, ['src/scheduler/bad.ts'])).toHaveLength(1)
    expect(ambientViolations(dir, ['src/scheduler/bad.ts']).map((v) => v.line)).toEqual([2, 3])
  } finally {
    rmSync(dir, { recursive: true })
  }
})
