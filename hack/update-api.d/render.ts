/** Every generated file, by its path under src/api/generated. */
import { DISCOVERY_TS, readDiscovery, renderDiscovery } from './discovery.ts'
import { readDefinitions } from './openapi.ts'
import { renderResources } from './resources.ts'
import { renderTypes } from './types.ts'

export function renderAll(): Map<string, string> {
  const definitions = readDefinitions()
  const discovery = readDiscovery()
  return new Map([
    ...renderTypes(definitions),
    ['resources.ts', renderResources(discovery, definitions)],
    ['discovery.ts', DISCOVERY_TS],
    ['discovery.json', renderDiscovery(discovery)],
  ])
}
