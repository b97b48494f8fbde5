/** The committed facts are what upstream's modules say. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hasGo } from './modules.ts'
import { camelPlural } from './resources.ts'

const committed = join(import.meta.dirname, '../../src/api/generated')
const go = hasGo()

describe.skipIf(!go)(`hack/update-api${go ? '' : ' (skipped: Go is not here to find upstream\'s modules)'}`, () => {
  it('makes exactly the files that are committed', async () => {
    const { renderAll } = await import('./render.ts')
    const made = renderAll()
    const there = readdirSync(committed, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(committed.length + 1))
    expect([...made.keys()].sort()).toEqual(there.sort())
    for (const [path, text] of made) {
      const same = readFileSync(join(committed, path), 'utf8') === text
      expect(same, `${path} differs: run hack/update-api`).toBe(true)
    }
  }, 60_000)
})

describe('camelPlural', () => {
  it.each([
    ['pods', 'Pod', 'pods'],
    ['networkpolicies', 'NetworkPolicy', 'networkPolicies'],
    ['csidrivers', 'CSIDriver', 'csiDrivers'],
    ['endpoints', 'Endpoints', 'endpoints'],
    ['componentstatuses', 'ComponentStatus', 'componentStatuses'],
    ['ipaddresses', 'IPAddress', 'ipAddresses'],
  ])('%s of %s is %s', (resource, kind, name) => {
    expect(camelPlural(resource, kind)).toBe(name)
  })
})
