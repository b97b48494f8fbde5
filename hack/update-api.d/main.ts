/** Makes the files of src/api/generated: facts of upstream's data files, nothing written by hand. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { renderAll } from './render.ts'

const out = resolve(process.argv[2] ?? join(import.meta.dirname, '../../src/api/generated'))
rmSync(out, { recursive: true, force: true })
for (const [path, text] of renderAll()) {
  const file = join(out, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
