import { describe, expect, test } from 'vitest'
import { negotiate } from './negotiate.ts'

const query = new URLSearchParams()
const all = { table: true, partial: true }
const choose = (accept: string | undefined, offer: Parameters<typeof negotiate>[3] = all) => negotiate(accept, query, 'kubectl', offer)

describe('what an Accept header gets', () => {
  test.each([
    [undefined, 'application/json'], ['', 'application/json'], ['*/*', 'application/json'], ['application/*', 'application/json'],
    ['application/yaml', 'application/yaml'], ['application/vnd.kubernetes.protobuf, */*', 'application/vnd.kubernetes.protobuf'],
    ['text/html, application/yaml;q=0.5, application/json;q=0.4', 'application/yaml'],
    ['application/json;as=Other;v=v1;g=meta.k8s.io, application/yaml', 'application/yaml'],
  ])('%s: %s', (accept, mediaType) => {
    expect(choose(accept).mediaType).toBe(mediaType)
  })

  test('tables by version, and never as protobuf', () => {
    const kubectl = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'
    expect(choose(kubectl).transform).toEqual({ kind: 'Table', version: 'v1' })
    expect(choose(kubectl, {}).transform).toBeUndefined()
    expect(() => choose('application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io')).toThrow(/only the following media types are accepted/)
  })

  test('partial objects also as protobuf', () => {
    expect(choose('application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1')).toMatchObject({
      mediaType: 'application/vnd.kubernetes.protobuf', transform: { kind: 'PartialObjectMetadataList', version: 'v1' },
    })
  })

  test('nothing that can be written is 406, with what could be', () => {
    expect(() => choose('text/html')).toThrow('only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf')
    expect(() => choose('application/yaml', { stream: true })).toThrow(/media types/)
  })

  test('aggregated discovery is offered where it is', () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
    expect(choose(accept, { aggregatedDiscovery: true }).aggregatedDiscovery).toBe('v2')
    expect(choose(accept)).toEqual({ mediaType: 'application/json', pretty: false })
  })

  test('people get it pretty', () => {
    expect(negotiate(undefined, query, 'curl/8').pretty).toBe(true)
    expect(negotiate(undefined, new URLSearchParams('pretty=false'), 'curl/8').pretty).toBe(false)
    expect(negotiate('application/json;pretty=1', query, 'Go').pretty).toBe(true)
  })
})
