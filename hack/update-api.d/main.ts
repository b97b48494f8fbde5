/** Makes the files of src/api/generated: facts of upstream's data files, nothing written by hand. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { renderAll } from './render.ts'

const out = resolve(process.argv[2] ?? join(import.meta.dirname, '../../src/api/generated'))
const files = renderAll()
for (const [path, text] of files) {
  const file = join(out, path)
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name)
  if (entry.isFile() && !files.has(file.slice(out.length + 1))) rmSync(file)
}
