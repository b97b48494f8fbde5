/** The corpus' new objects against our definitions alone, with the refusals that upstream's kube-apiserver gave. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { featureGates } from '../../src/api/generated/feature-gates.ts'
import type { CustomResourceDefinition } from '../../src/api/generated/types/apiextensions-v1.ts'
import { StatusError } from '../../src/api/meta/errors.ts'
import { parseApiVersion, type KubeObject } from '../../src/api/meta/object.ts'
import { pruneUnknown } from '../../src/api/schema/prune.ts'
import { beforeCreate, withDefaults } from '../../src/apiserver/registry/strategy.ts'
import { definitionOf } from '../../src/apiserver/extend/crds/definition.ts'
import type { ResourceDefinition, StrategyContext } from '../../src/apiserver/resources/define.ts'
import { builtinResources } from '../../src/apiserver/resources/index.ts'
import { causesOf } from './compare.ts'
import { loadCorpus, variant } from './corpus.ts'

const here = import.meta.dirname
const recorded = Object.assign({}, ...readdirSync(join(here, 'recorded'))
  .map((file) => JSON.parse(readFileSync(join(here, 'recorded', file), 'utf8')) as unknown)) as Record<string, readonly string[]>
const context: StrategyContext = {
  user: { name: 'admin', groups: ['system:masters'] }, now: new Date('2026-01-01T00:00:00Z'), subresource: '',
  feature: (name) => featureGates[name]?.default ?? false, warn: () => undefined,
}

/** Undefined for kinds that hooks complete first (services get addresses), and for views of other kinds. */
function ourCauses(given: Record<string, unknown>, customs: readonly ResourceDefinition[]): readonly string[] | undefined {
  const { group, version } = parseApiVersion(String(given.apiVersion))
  const definition = [...builtinResources, ...customs].find((d) => d.group === group && d.version === version && d.kind === given.kind)
  if (definition === undefined || definition.viewOf !== undefined || definition.hooks !== undefined) return undefined
  const read = definition.custom === true ? pruneUnknown(given, definition.schema).value : given
  const object = { ...read, metadata: { uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', ...given.metadata as object } } as KubeObject
  if (definition.scope === 'Namespaced') object.metadata.namespace = 'differential'
  // What admission gives.
  if (definition.kind === 'Pod' && object.spec) object.spec = { serviceAccountName: 'default', ...object.spec }
  if (object.metadata.generateName && !object.metadata.name) object.metadata.name = `${object.metadata.generateName}abcde`
  try {
    beforeCreate(definition, withDefaults(definition, object), context)
    return []
  } catch (error) {
    if (error instanceof StatusError) return causesOf({ code: error.status.code ?? 0, body: error.status, warnings: [] })
    throw error
  }
}

describe('new objects are refused as upstream refuses them', () => {
  for (const entry of loadCorpus(join(here, 'corpus'), undefined)) {
    it(entry.name, () => {
      const customs = (entry.setup ?? []).map((crd) => definitionOf(crd as unknown as CustomResourceDefinition))
      for (const [i, patch] of [{}, ...entry.variants ?? []].entries()) {
        const name = i === 0 ? entry.name : `${entry.name} + ${JSON.stringify(patch)}`
        const expected = recorded[name]
        if (expected === undefined) continue
        const ours = ourCauses(variant(entry.object, patch), customs)
        if (ours !== undefined) expect(ours, name).toEqual(expected)
      }
    })
  }
})
