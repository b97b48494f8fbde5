/** What the README shows is what is run here. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')

test.each(['deployment', 'forks'])('the README shows examples/%s.test.ts as it is', (name) => {
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(readFileSync(join(root, `examples/${name}.test.ts`), 'utf8'))
})
