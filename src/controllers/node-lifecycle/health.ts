/** Whether a node is still heard of (upstream: node_lifecycle_controller.go tryUpdateNodeHealth). Pure. */
import type { Lease } from '../../api/generated/types/coordination-v1.ts'
import type { Node, NodeCondition } from '../../api/generated/types/core-v1.ts'
import { equalJson } from '../../client/copy.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'

/** What is remembered of a node. Times are this process's own: no node's clock is trusted. */
export interface NodeHealth {
  readonly ready: NodeCondition | undefined
  readonly renewTime: string | undefined
  /** When it was last heard of, ms. */
  readonly probeAt: number
}

export interface Grace {
  readonly monitorMs: number
  readonly startupMs: number
}

export interface Assessment {
  readonly health: NodeHealth
  /** The Ready condition before and after; after is what the node's status is to say. */
  readonly observed: string
  readonly current: NodeCondition | undefined
  /** The conditions to write, when silence has lasted too long. */
  readonly conditions?: readonly NodeCondition[]
}

export const readyCondition = (node: Node): NodeCondition | undefined => node.status?.conditions?.find(({ type }) => type === 'Ready')

const kubeletConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

export function assessNode(node: Node, lease: Lease | undefined, known: NodeHealth | undefined, now: number, grace: Grace): Assessment {
  const ready = readyCondition(node)
  const created = parseTime(node.metadata.creationTimestamp ?? '') ?? now
  let probeAt = known?.probeAt ?? (ready === undefined ? created : now)
  if (known !== undefined && ((known.ready === undefined) !== (ready === undefined) || known.ready?.lastHeartbeatTime !== ready?.lastHeartbeatTime)) {
    probeAt = now
  }
  const renewTime = lease?.spec?.renewTime
  if (renewTime !== undefined && (known?.renewTime === undefined || known.renewTime < renewTime)) probeAt = now
  const health: NodeHealth = { ready, renewTime: renewTime ?? known?.renewTime, probeAt }
  const observed = ready?.status ?? 'Unknown'
  if (now <= probeAt + (ready === undefined ? grace.startupMs : grace.monitorMs)) return { health, observed, current: ready }

  const conditions = silenced(node, now)
  const current = conditions.find(({ type }) => type === 'Ready')
  if (equalJson(current, ready)) return { health, observed, current }
  return { health: { ...health, ready: current }, observed, current, conditions }
}

/** The conditions of a node whose kubelet is silent. */
function silenced(node: Node, now: number): NodeCondition[] {
  const conditions = [...(node.status?.conditions ?? [])]
  const created = node.metadata.creationTimestamp ?? undefined
  for (const type of kubeletConditions) {
    const at = conditions.findIndex((condition) => condition.type === type)
    const condition = conditions[at]
    if (condition === undefined) {
      conditions.push({
        type, status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.',
        lastHeartbeatTime: created, lastTransitionTime: formatTime(now),
      })
    } else if (condition.status !== 'Unknown') {
      conditions[at] = {
        ...condition, status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.',
        lastTransitionTime: formatTime(now),
      }
    }
  }
  return conditions
}
