/** Every generated file, by its path under src/api/generated. */
import { DISCOVERY_TS, readDiscovery, renderDiscovery } from './discovery.ts'
import { readDefinitions } from './openapi.ts'
import { RBAC_BOOTSTRAP_TS, renderRbacBootstrap } from './rbac.ts'
import { renderResources } from './resources.ts'
import { renderSchemas } from './schemas.ts'
import { renderTypes } from './types.ts'

export function renderAll(): Map<string, string> {
  const definitions = readDefinitions()
  const discovery = readDiscovery()
  return new Map([
    ...renderTypes(definitions),
    ['resources.ts', renderResources(discovery, definitions)],
    ['rbac-bootstrap.ts', RBAC_BOOTSTRAP_TS],
    ['rbac-bootstrap.json', renderRbacBootstrap()],
    ['schemas.json', renderSchemas(definitions)],
    ['discovery.ts', DISCOVERY_TS],
    ['discovery.json', renderDiscovery(discovery)],
  ])
}
