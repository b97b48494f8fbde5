/** What a cloud's knowledge of a machine means for its node (upstream: cloud-provider/controllers/node/node_controller.go). Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { Node, NodeAddress, Taint } from '../../api/generated/types/core-v1.ts'
import { parseIP } from '../../api/meta/ip.ts'
import type { InstanceMetadata } from '../provider.ts'

/** What a kubelet with --cloud-provider=external puts on its node until the cloud has spoken. */
export const uninitializedTaint = 'node.cloudprovider.kubernetes.io/uninitialized'
/** --node-ip of the kubelet. */
const providedAddress = 'alpha.kubernetes.io/provided-node-ip'

const labels = {
  instanceType: ['beta.kubernetes.io/instance-type', 'node.kubernetes.io/instance-type'],
  zone: ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  region: ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
} as const

export function isUninitialized(node: Node): boolean {
  return node.spec?.taints?.some(({ key }) => key === uninitializedTaint) ?? false
}

/**
 * The node as the cloud has it, without the taint. Throws when the kubelet's address is none of the cloud's.
 * `discarded` are labels that the cloud may not set, or that the node has already.
 */
export function initialized(node: Node, metadata: InstanceMetadata): { node: Node; discarded: readonly string[] } {
  try {
    preferProvided(node, metadata.nodeAddresses ?? [])
  } catch (error) {
    throw new Error(`failed to get node modifiers from cloud provider: provided node ip for node ${JSON.stringify(node.metadata.name)} is not valid: ${(error as Error).message}`, { cause: error })
  }
  const own: Record<string, string> = { ...node.metadata.labels }
  for (const [field, names] of Object.entries(labels)) {
    const value = metadata[field as keyof typeof labels]
    if (value !== undefined && value !== '') for (const name of names) own[name] = value
  }
  const discarded: string[] = []
  for (const [name, value] of Object.entries(metadata.additionalLabels ?? {})) {
    if (/(?:^|\.)(?:kubernetes|k8s)\.io\//.test(name) || (own[name] !== undefined && own[name] !== value)) discarded.push(name)
    else own[name] = value
  }
  const taints: Taint[] = (node.spec?.taints ?? []).filter(({ key }) => key !== uninitializedTaint)
  const providerID = node.spec?.providerID || metadata.providerID
  return {
    discarded,
    node: { ...node, metadata: { ...node.metadata, labels: own }, spec: { ...node.spec, taints, ...(providerID === undefined ? {} : { providerID }) } },
  }
}

/** Labels that are missing or differ beside their older names, which older clouds set. */
export function labelsToReconcile(node: Node): Readonly<Record<string, string>> {
  const out: Record<string, string> = {}
  for (const [old, name] of Object.values(labels)) {
    const value = node.metadata.labels?.[old]
    if (value !== undefined && node.metadata.labels?.[name] !== value) out[name] = value
  }
  return out
}

/** The addresses that the node should have; undefined: those it has. Throws when the kubelet's address is none of the cloud's. */
export function addressesToSet(node: Node, metadata: InstanceMetadata): readonly NodeAddress[] | undefined {
  const given = metadata.nodeAddresses ?? []
  if (given.length === 0) return undefined
  const present = node.status?.addresses ?? []
  const named = given.some(({ type }) => type === 'Hostname') ? given : [...given, ...present.filter(({ type }) => type === 'Hostname')]
  const wanted = preferProvided(node, named)
  return isDeepStrictEqual([...present], [...wanted]) ? undefined : wanted
}

/** Addresses that the kubelet was given come first and are the only ones of their type (cloud-provider/node/helpers/address.go). */
function preferProvided(node: Node, addresses: readonly NodeAddress[]): readonly NodeAddress[] {
  const provided = node.metadata.annotations?.[providedAddress]
  if (provided === undefined) return addresses
  const wanted = provided.split(',').map((text) => parseIP(text.trim()))
  if (wanted.includes(undefined)) throw new Error(`failed to parse node IP ${JSON.stringify(provided)}: could not parse ${JSON.stringify(provided)}`)
  const first: NodeAddress[] = []
  for (const ip of wanted) {
    const found = addresses.filter(({ address }) => {
      const one = parseIP(address)
      return one !== undefined && one.family === ip!.family && one.value === ip!.value
    })
    if (found.length === 0) throw new Error(`failed to get node address from cloud provider that matches ip: ${provided.split(',')[wanted.indexOf(ip)]!.trim()}`)
    first.push(...found)
  }
  const types = new Set(first.map(({ type }) => type))
  return [...first, ...addresses.filter(({ type }) => !types.has(type))]
}
