import { describe, expect, it } from 'vitest'
import { definitionNames, gvkDefinition, gvkSchema, kindsOf, schemaOf } from './builtin.ts'

const CORE = 'io.k8s.api.core.v1.'
const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.'

describe('schemaOf', () => {
  it('answers the same object for the same name, also from inside others', () => {
    const spec = schemaOf(`${CORE}PodSpec`)
    expect(schemaOf(`${CORE}PodSpec`)).toBe(spec)
    expect(schemaOf(`${CORE}PodTemplateSpec`).properties?.['spec']?.name).toBe(`${CORE}PodSpec`)
  })

  it('keeps list maps, merge keys and defaults', () => {
    const ports = schemaOf(`${CORE}Container`).properties?.['ports']
    expect(ports).toMatchObject({
      type: 'array', listType: 'map', listMapKeys: ['containerPort', 'protocol'],
      patchStrategy: 'merge', patchMergeKey: 'containerPort',
    })
    expect(ports?.items?.properties?.['protocol']).toEqual({ type: 'string', default: 'TCP', enum: ['SCTP', 'TCP', 'UDP'] })
  })

  it('gives a default beside a reference to a variant, not to the definition', () => {
    expect(schemaOf(`${CORE}Container`).properties?.['resources']?.default).toEqual({})
    expect(schemaOf(`${CORE}ResourceRequirements`).default).toBeUndefined()
  })

  it('holds cycles as cycles', () => {
    const props = schemaOf(`${EXTENSIONS}JSONSchemaProps`)
    expect(props.properties?.['not']).toBe(props)
    const values = props.properties?.['properties']?.additionalProperties
    expect(typeof values === 'object' && values.properties).toBe(props.properties)
  })

  it('marks what is quantity, int-or-string and free form', () => {
    const requests = schemaOf(`${CORE}ResourceRequirements`).properties?.['requests']
    expect(requests?.additionalProperties).toMatchObject({ quantity: true })
    expect(schemaOf(`${CORE}HTTPGetAction`).properties?.['port']).toMatchObject({ intOrString: true })
    expect(schemaOf('io.k8s.api.apps.v1.ControllerRevision').properties?.['data']).toMatchObject({
      preserveUnknownFields: true,
    })
  })

  it('expands every definition, and refuses names that upstream does not know', () => {
    for (const name of definitionNames()) expect(schemaOf(name).name).toBe(name)
    expect(() => schemaOf('io.k8s.api.core.v1.Nothing')).toThrow('no built-in definition')
  })
})

describe('kinds', () => {
  it('finds a definition by its kind and back', () => {
    expect(gvkDefinition('apps', 'v1', 'Deployment')).toBe('io.k8s.api.apps.v1.Deployment')
    expect(gvkSchema('', 'v1', 'Pod')).toBe(schemaOf(`${CORE}Pod`))
    expect(gvkSchema('example.com', 'v1', 'Widget')).toBeUndefined()
    expect(kindsOf(`${CORE}Pod`)).toEqual([{ group: '', version: 'v1', kind: 'Pod' }])
    expect(kindsOf(`${CORE}PodSpec`)).toEqual([])
  })
})
