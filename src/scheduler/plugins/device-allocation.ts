/** From chosen devices to what is written into the claim's status. */
import type { NodeSelector, NodeSelectorRequirement } from '../../api/generated/types/core-v1.ts'
import type { AllocationResult, DeviceAllocationConfiguration, ResourceClaim } from '../../api/generated/types/resource-v1.ts'
import { jsonEqual } from '../../api/meta/json-equal.ts'
import type { ChosenDevice, WantedDevices } from './device-allocator.ts'

/** `selected`: for each request what was taken of it, itself or an alternative. */
export function allocationOf(claim: ResourceClaim, chosen: readonly ChosenDevice[], node: string, selected: readonly WantedDevices[]): AllocationResult {
  const config = configOf(claim, selected)
  const nodeSelector = selectorOf(chosen, node)
  return {
    devices: { results: chosen.map(({ result }) => result), ...(config.length === 0 ? {} : { config }) },
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  }
}

/** Configuration of the classes first, then the claim's own for the requests that it is for. */
function configOf({ spec }: ResourceClaim, selected: readonly WantedDevices[]): DeviceAllocationConfiguration[] {
  const byClass = new Map<string, DeviceAllocationConfiguration[]>()
  for (const { deviceClass, reference } of selected) {
    const known = byClass.get(deviceClass.metadata.name!)
    if (known === undefined) byClass.set(deviceClass.metadata.name!, (deviceClass.spec.config ?? []).map((each) => ({ ...each, source: 'FromClass', requests: [reference] })))
    else for (const each of known) each.requests!.push(reference)
  }
  const own: DeviceAllocationConfiguration[] = []
  for (const config of spec.devices?.config ?? []) {
    const concerns = config.requests ?? []
    if (concerns.length === 0) own.push({ ...config, source: 'FromClaim' })
    else for (const { name, reference, parent } of selected) if (concerns.includes(parent?.name ?? name) || concerns.includes(reference)) own.push({ ...config, source: 'FromClaim' })
  }
  return [...[...byClass.values()].flat(), ...own]
}

/** Nodes from which all devices can be reached; undefined: all. */
function selectorOf(chosen: readonly ChosenDevice[], node: string): NodeSelector | undefined {
  const fields: NodeSelectorRequirement[] = []
  const expressions: NodeSelectorRequirement[] = []
  const add = (from: readonly NodeSelectorRequirement[] | undefined, to: NodeSelectorRequirement[]) => {
    for (const each of from ?? []) if (!to.some((known) => sameRequirement(known, each))) to.push(each)
  }
  for (const { device, slice: { spec } } of chosen) {
    const { nodeName, nodeSelector } = spec.perDeviceNodeSelection === true ? device : spec
    if (nodeName !== undefined || device.bindsToNode === true) {
      return { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }] }
    }
    const terms = nodeSelector?.nodeSelectorTerms ?? []
    if (terms.length > 1) throw new Error(`unsupported ResourceSlice.NodeSelector with ${terms.length} terms`)
    add(terms[0]?.matchFields, fields)
    add(terms[0]?.matchExpressions, expressions)
  }
  if (fields.length + expressions.length === 0) return undefined
  return { nodeSelectorTerms: [{ ...(fields.length === 0 ? {} : { matchFields: fields }), ...(expressions.length === 0 ? {} : { matchExpressions: expressions }) }] }
}

function sameRequirement(a: NodeSelectorRequirement, b: NodeSelectorRequirement): boolean {
  return a.key === b.key && a.operator === b.operator && jsonEqual((a.values ?? []).toSorted(), (b.values ?? []).toSorted())
}
