/** Every generated file, by its path under src/api/generated. */
import { DISCOVERY_TS, readDiscovery, renderDiscovery } from './discovery.ts'
import { FEATURE_GATES_TS, renderConformance, renderFeatureGates } from './gates.ts'
import { goDefinitions } from './go-definitions.ts'
import { addServed } from './enums.ts'
import { readDefinitions } from './openapi.ts'
import { readPackages } from './packages.ts'
import { RBAC_BOOTSTRAP_TS, renderRbacBootstrap } from './rbac.ts'
import { renderResources } from './resources.ts'
import { renderSchemas } from './schemas.ts'
import { LIFECYCLE_TS, renderLifecycle, renderValidationTags, VALIDATION_TAGS_TS } from './tags.ts'
import { renderTypes } from './types.ts'
import { renderWire } from './wire.ts'

export function renderAll(): Map<string, string> {
  const definitions = readDefinitions()
  addServed(definitions)
  const packages = readPackages()
  const discovery = readDiscovery()
  return new Map([
    ...renderTypes(new Map([...definitions, ...goDefinitions(packages, definitions)])),
    ['resources.ts', renderResources(discovery, definitions)],
    ['rbac-bootstrap.ts', RBAC_BOOTSTRAP_TS],
    ['rbac-bootstrap.json', renderRbacBootstrap()],
    ['schemas.json', renderSchemas(definitions)],
    ['wire.json', renderWire(packages)],
    ['validation-tags.json', renderValidationTags(packages)],
    ['lifecycle.json', renderLifecycle(packages)],
    ['validation-tags.ts', VALIDATION_TAGS_TS],
    ['lifecycle.ts', LIFECYCLE_TS],
    ['feature-gates.json', renderFeatureGates()],
    ['feature-gates.ts', FEATURE_GATES_TS],
    ['conformance.json', renderConformance()],
    ['discovery.ts', DISCOVERY_TS],
    ['discovery.json', renderDiscovery(discovery)],
  ])
}
