/**
 * Upstream's wire fixtures: every kind of k8s.io/api filled in completely, as JSON, YAML and protobuf (testdata/HEAD),
 * and what older releases wrote (testdata/v1.x.0). Each must be read and written byte for byte.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hasGo, moduleDir } from '../../../hack/update-api.d/modules.ts'
import { toGoJson } from './go-shape.ts'
import { decodeJson } from './json.ts'
import { decodeProtobuf, encodeProtobuf } from './protobuf.ts'
import { decodeYaml, encodeYaml } from './yaml.ts'
import { wireTypeOfKind } from './wire.ts'

const go = hasGo()
const without = go ? '' : ' (skipped: the fixtures come with a Go module, and Go is not here)'

/** "storage.k8s.io.v1.CSINode" is of storage.k8s.io/v1; "core" has no group. */
function kindOf(name: string): { apiVersion: string; kind: string } {
  const [kind = '', version = '', ...group] = name.split('.').reverse()
  const groupName = group.reverse().join('.')
  return { apiVersion: groupName === 'core' ? version : `${groupName}/${version}`, kind }
}

function namesIn(folder: string): string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.pb') && !file.includes('after_roundtrip'))
    .map((file) => file.slice(0, -3))
}

/** Every map's keys in turned order, so that nothing passes only because the order was right before. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).reverse().map(([key, each]) => [key, turned(each)]))
}

describe.skipIf(!go)(`fixtures of the current release${without}`, () => {
  const folder = go ? join(moduleDir('k8s.io/api'), 'testdata/HEAD') : ''
  const names = go ? namesIn(folder) : []
  const text = (name: string, ext: string): string => readFileSync(join(folder, `${name}.${ext}`), 'utf8')

  it('are 555 files', () => {
    expect(readdirSync(folder)).toHaveLength(555)
    expect(names).toHaveLength(185)
  })

  it.each(names)('%s', (name) => {
    const gvk = kindOf(name)
    const pb = readFileSync(join(folder, `${name}.pb`))
    const json = text(name, 'json')
    const yaml = text(name, 'yaml')
    const fromPb = decodeProtobuf(pb, gvk)
    const fromJson = decodeJson(json, true)
    const fromYaml = decodeYaml(yaml, true)
    expect(fromJson.strictErrors).toEqual([])
    expect(fromYaml.strictErrors).toEqual([])
    for (const object of [fromPb, fromJson.value, fromYaml.value] as object[]) {
      expect(encodeProtobuf(object, gvk).equals(pb)).toBe(true)
      expect(encodeYaml(object)).toBe(yaml)
      expect(toGoJson(object, 2, gvk)).toBe(json)
    }
    expect(JSON.stringify(fromPb, null, 2)).toBe(json)
    // RawExtensions are the client's own text, whose order stays.
    if (json.includes('example.com/v1')) return
    expect(toGoJson(turned(fromPb) as object, 2, gvk)).toBe(json)
  })
})

describe.skipIf(!go)(`fixtures of older releases${without}`, () => {
  const top = go ? join(moduleDir('k8s.io/api'), 'testdata') : ''
  const releases = go ? readdirSync(top).filter((name) => name.startsWith('v1.')) : []

  it.each(releases)('%s', (release) => {
    const folder = join(top, release)
    let read = 0
    for (const name of namesIn(folder)) {
      const gvk = kindOf(name)
      // Kinds that were removed since have no type any more.
      if (!wireTypeOfKind(gvk.apiVersion, gvk.kind)) continue
      for (const ext of ['json', 'pb']) {
        const after = join(folder, `${name}.after_roundtrip.${ext}`)
        const expected = readFileSync(existsSync(after) ? after : join(folder, `${name}.${ext}`))
        const object = decodeProtobuf(readFileSync(join(folder, `${name}.pb`)), gvk)
        const bytes = ext === 'pb' ? encodeProtobuf(object, gvk) : Buffer.from(JSON.stringify(object, null, 2))
        expect(bytes.equals(expected), `${release} ${name}.${ext}`).toBe(true)
      }
      read++
    }
    expect(read).toBeGreaterThan(150)
  })
})
