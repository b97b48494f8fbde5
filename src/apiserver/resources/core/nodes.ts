import type { Node } from '../../../api/generated/types/core-v1.ts'
import { findCondition } from '../../../api/meta/conditions.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text, wide } from '../columns.ts'
import { validateNode, validateNodeStatus, validateNodeUpdate } from './node-validation.ts'
import { defaultResourceList } from './pod-defaults.ts'
import { nodeWarnings } from '../validation/kind-warnings.ts'

const rolePrefix = 'node-role.kubernetes.io/'

/** Roles by label, in order. */
export function nodeRoles(labels: Readonly<Record<string, string>> | undefined): string {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length))
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value)
  }
  return [...roles].sort().join(',') || '<none>'
}

function statusText(node: Node): string {
  const ready = findCondition(node.status?.conditions, 'Ready')
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady']
  if (node.spec?.unschedulable) words.push('SchedulingDisabled')
  return words.join(',')
}

const address = (node: Node, type: string): string =>
  node.status?.addresses?.find((a) => a.type === type)?.address ?? '<none>'

function kernel({ status }: Node): string {
  const architecture = status?.nodeInfo?.architecture
  return `${status?.nodeInfo?.kernelVersion || '<unknown>'}${architecture ? ` (${architecture})` : ''}`
}

function setDefaults(node: Node): void {
  const status = (node.status ??= {})
  const spec = (node.spec ??= {})
  if (status.capacity && !status.allocatable) status.allocatable = { ...status.capacity }
  defaultResourceList(status.capacity)
  defaultResourceList(status.allocatable)
  if (spec.podCIDR && !spec.podCIDRs?.length) spec.podCIDRs = [spec.podCIDR]
}

/** The old way of dynamic kubelet configuration is gone: what remains of it cannot be set. */
function dropConfigSource(node: Node, old?: Node): void {
  if (old?.spec?.configSource === undefined) delete node.spec?.configSource
}

export const nodes = builtin<Node>({
  group: '', version: 'v1', resource: 'nodes',
  unconditionalUpdate: true,
  storagePrefix: 'minions',
  generationFields: [],
  createResetFields: [],
  default: setDefaults,
  prepareForCreate(node) {
    dropConfigSource(node)
    delete node.status?.config
  },
  prepareForUpdate: dropConfigSource,
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  subresources: { status: statusSubresource({ validateUpdate: validateNodeStatus }) },
  selectableFields: { 'spec.unschedulable': (o) => String(o.spec?.unschedulable ?? false) },
  warnings: nodeWarnings,
  columns: [
    nameColumn(),
    text('Status', statusText),
    text('Roles', (o) => nodeRoles(o.metadata.labels)),
    ageColumn(),
    text('Version', (o) => o.status?.nodeInfo?.kubeletVersion ?? ''),
    wide('Internal-IP', (o) => address(o, 'InternalIP')),
    wide('External-IP', (o) => address(o, 'ExternalIP')),
    wide('OS-Image', (o) => o.status?.nodeInfo?.osImage || '<unknown>'),
    wide('Kernel-Version', kernel),
    wide('Container-Runtime', (o) => o.status?.nodeInfo?.containerRuntimeVersion || '<unknown>'),
  ],
})
