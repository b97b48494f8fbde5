/** Values of the downward API: fields of the pod, resources of its containers. Pure. */
import type { ObjectFieldSelector, Pod, ResourceFieldSelector } from '../../api/generated/types/core-v1.ts'
import { quantityMilliValue, quantityValue } from '../../api/meta/quantity.ts'
import { type AnyContainer, findContainer } from '../pod.ts'
import { goQuote } from '../../api/meta/go-text.ts'

/** What is known of the node and the sandbox when a pod's values are asked. */
export interface DownwardContext {
  readonly hostIps: readonly string[]
  readonly podIps: readonly string[]
  /** Stands in for limits that a container does not set. */
  readonly allocatable: Readonly<Record<string, string | number>>
}

const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/

/** Throws for a path that is not supported. */
export function fieldValue(selector: ObjectFieldSelector, pod: Pod, context: DownwardContext): string {
  const { fieldPath } = selector
  const { metadata } = pod
  const keyed = subscript.exec(fieldPath)
  if (keyed !== null) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2]!] ?? ''
  switch (fieldPath) {
    case 'metadata.name': return metadata.name!
    case 'metadata.namespace': return metadata.namespace!
    case 'metadata.uid': return metadata.uid!
    case 'metadata.labels': return formatMap(metadata.labels)
    case 'metadata.annotations': return formatMap(metadata.annotations)
    case 'spec.nodeName': return pod.spec!.nodeName ?? ''
    case 'spec.serviceAccountName': return pod.spec!.serviceAccountName ?? ''
    case 'status.hostIP': return context.hostIps[0] ?? ''
    case 'status.hostIPs': return context.hostIps.join(',')
    case 'status.podIP': return context.podIps[0] ?? ''
    case 'status.podIPs': return context.podIps.join(',')
    default: throw new Error(`unsupported fieldPath: ${fieldPath}`)
  }
}

/** key="value" lines in order of the keys, as files of the downward API hold labels and annotations. */
export function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.keys(map ?? {}).sort().map((key) => `${key}=${goQuote(map![key]!)}`).join('\n')
}

/** `container` is the one whose environment asks; volumes name theirs. */
export function resourceValue(selector: ResourceFieldSelector, pod: Pod, container: AnyContainer | undefined, context: DownwardContext): string {
  const name = selector.containerName ?? ''
  const asked = name === '' ? container : findContainer(pod, name)?.container
  if (asked === undefined) throw new Error(`container ${name} not found`)
  const [list, resource] = splitOnce(selector.resource)
  if (list !== 'limits' && list !== 'requests') throw new Error(`unsupported container resource : ${selector.resource}`)
  let amount: string | number | undefined = asked.resources?.[list]?.[resource]
  if (list === 'limits' && (amount === undefined || quantityValue(amount) === 0)) amount = context.allocatable[resource] ?? amount
  const divisor = selector.divisor === undefined || quantityMilliValue(selector.divisor) === 0 ? '1' : selector.divisor
  if (resource === 'cpu') return String(Math.ceil(quantityMilliValue(amount ?? 0) / quantityMilliValue(divisor)))
  if (resource !== 'memory' && resource !== 'ephemeral-storage' && !resource.startsWith('hugepages-')) {
    throw new Error(`unsupported container resource : ${selector.resource}`)
  }
  return String(Math.ceil(quantityValue(amount ?? 0) / quantityValue(divisor)))
}

function splitOnce(text: string): [string, string] {
  const dot = text.indexOf('.')
  return [text.slice(0, dot), text.slice(dot + 1)]
}
