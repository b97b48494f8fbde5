/** DynamicResources (upstream: plugins/dynamicresources): claims of devices are allocated for the node that is chosen. */
import { deviceClasses, resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { AllocationResult, ResourceClaim } from '../../api/generated/types/resource-v1.ts'
import { type NodeMatcher, compileNodeSelector } from '../../api/helpers/node-affinity.ts'
import { jsonEqual } from '../../api/meta/json-equal.ts'
import { parseDuration } from '../../api/meta/time.ts'
import type { ClusterEvent } from '../cluster-events.ts'
import { type CycleState, type Handle, type PluginDefinition, type PostFilterResult, type SchedulerPlugin, type Verdict, defaultNormalize, failed, unresolvable } from '../framework.ts'
import type { NodeInfo } from '../snapshot.ts'
import { type AllocatorWorld, NotOnThisNode, allocate, keyOfClaim } from './device-allocator.ts'
import { bindClaim, isLate, isReady, mustBeMadeReady, unreserve } from './device-binding.ts'
import { DeviceClaims, claimsOfPod, isReservedFor } from './device-claims.ts'
import { Slices } from './device-pools.ts'

const name = 'DynamicResources'
const notAvailable = unresolvable('resourceclaim not available on the node')
const pollMs = 5_000
/** The first of so many alternatives counts most. */
const maxAlternatives = 8

interface State {
  readonly claims: ResourceClaim[]
  /** Nodes from which the claim's devices can be reached, by claim; undefined: all. */
  readonly reach: readonly (NodeMatcher | undefined)[]
  readonly toAllocate: readonly ResourceClaim[]
  readonly world: AllocatorWorld | undefined
  readonly byNode: Map<string, readonly AllocationResult[]>
  /** Allocated claims that some node could not use. */
  readonly unavailable: Set<ResourceClaim>
  reserved: readonly AllocationResult[]
}

export const dynamicResources: PluginDefinition = {
  name,
  create(args, handle) {
    const timeoutMs = parseDuration((args['bindingTimeout'] as string | undefined) ?? '10m') ?? 600_000
    return handle.feature('DynamicResourceAllocation') ? create(handle, timeoutMs) : { name }
  },
}

function create(handle: Handle, timeoutMs: number): SchedulerPlugin {
  const claims = new DeviceClaims(handle.lister(resourceClaims))
  const sliceLister = handle.lister(resourceSlices)
  const classes = handle.lister(deviceClasses)
  const slices = new Slices()
  const stateOf = (state: CycleState) => state.read<State>(name)

  function world(): AllocatorWorld {
    slices.set(sliceLister.list())
    return {
      ...claims.taken(), deviceClass: (each) => classes.get({ name: each }), poolsFor: (node) => slices.poolsFor(node), shareId: () => handle.env.random.uuid(),
    }
  }

  /** What is wrong with the requests of a claim that is to be allocated. */
  function classTrouble(claim: ResourceClaim): Verdict | undefined {
    const check = (className: string, request: string) => {
      if (className === '') return failed(new Error(`request ${request}: unsupported request type`))
      return classes.get({ name: className }) === undefined ? unresolvable(`request ${request}: device class ${className} does not exist`) : undefined
    }
    for (const { name: request, exactly, firstAvailable = [] } of claim.spec.devices?.requests ?? []) {
      if (exactly === undefined && firstAvailable.length === 0) return unresolvable(`resource claim ${keyOfClaim(claim)}, request ${request}: unknown request type`)
      const trouble = exactly === undefined
        ? firstAvailable.map((sub) => check(sub.deviceClassName, `${request}/${sub.name}`)).find((each) => each !== undefined)
        : check(exactly.deviceClassName, request)
      if (trouble !== undefined) return trouble
    }
    return undefined
  }

  /** Whether an allocated claim can be used on the node. */
  function isUsable(claim: ResourceClaim, reach: NodeMatcher | undefined, node: NodeInfo): boolean {
    if (reach !== undefined && !reach(node.node!)) return false
    if (claim.status?.allocation === undefined) return true
    try {
      return isReady(claim) || !isLate(claim, timeoutMs, handle.env.clock.now())
    } catch {
      return false
    }
  }

  async function untilReady(state: State, signal: AbortSignal): Promise<void> {
    const { clock } = handle.env
    for (const end = clock.now() + timeoutMs; ;) {
      const now = state.claims.map((claim) => claims.get(claim.metadata.namespace!, claim.metadata.name!) ?? claim)
      state.claims.splice(0, now.length, ...now)
      const waiting = now.find((claim) => !isReady(claim))
      if (waiting === undefined) return
      if (isLate(waiting, timeoutMs, clock.now()) || clock.now() > end) throw new Error(`device binding timeout: claim=${waiting.metadata.name}`)
      await clock.sleep(pollMs, signal)
    }
  }

  return {
    name,
    events: [
      { resource: 'Node', actions: ['Add', 'UpdateNodeLabel', 'UpdateNodeAllocatable'] },
      { resource: 'ResourceClaim', actions: ['Add', 'Update'], hint: (pod, event) => claimChangeHelps(pod, event, claims) },
      {
        resource: 'Pod', actions: ['UpdatePodGeneratedResourceClaim'],
        hint: (pod, { object }) => (object as Pod).metadata.uid === pod.metadata.uid && typeof claimsOfPod(object as Pod, claims) !== 'string',
      },
      { resource: 'DeviceClass', actions: ['Add', 'Update'] },
      { resource: 'ResourceSlice', actions: ['Add', 'Update'] },
    ],
    preEnqueue(pod) {
      if (pod.spec?.resourceClaims === undefined) return undefined
      const found = claimsOfPod(pod, claims)
      return typeof found === 'string' ? unresolvable(found) : undefined
    },
    preFilter(state, { pod }) {
      if ((pod.spec?.resourceClaims?.length ?? 0) === 0) return { skip: true }
      const found = claimsOfPod(pod, claims)
      if (typeof found === 'string') return { refused: unresolvable(found) }
      if (found.length === 0) return { skip: true }
      const toAllocate: ResourceClaim[] = []
      for (const claim of found) {
        if (claim.status?.allocation !== undefined) continue
        if (claims.isPending(claim.metadata.uid!)) return { refused: unresolvable(`resource claim ${keyOfClaim(claim)} is in the process of being allocated`) }
        const trouble = classTrouble(claim)
        if (trouble !== undefined) return { refused: trouble }
        toAllocate.push(claim)
      }
      const reach = found.map(({ status }) => (status?.allocation?.nodeSelector === undefined ? undefined : compileNodeSelector(status.allocation.nodeSelector)))
      const mine: State = {
        claims: [...found], reach, toAllocate, world: toAllocate.length === 0 ? undefined : world(), byNode: new Map(), unavailable: new Set(), reserved: [],
      }
      state.data.set(name, mine)
      return undefined
    },
    filter(state, _pod, node) {
      const mine = stateOf(state)!
      const unusable = mine.claims.filter((claim, i) => !isUsable(claim, mine.reach[i], node))
      if (mine.world !== undefined) {
        try {
          const allocations = allocate(mine.world, node.node!, mine.toAllocate)
          if (allocations === undefined) return unresolvable('cannot allocate all claims')
          if (unusable.length === 0) mine.byNode.set(node.name, allocations)
        } catch (error) {
          return error instanceof NotOnThisNode ? unresolvable(error.message) : failed(error)
        }
      }
      for (const claim of unusable) mine.unavailable.add(claim)
      return unusable.length === 0 ? undefined : notAvailable
    },
    postFilter(state, { pod }) {
      const refused = (message: string): PostFilterResult => ({ success: false, message })
      const mine = stateOf(state)
      if (mine === undefined) return refused('no new claims to deallocate')
      const idle = [...mine.unavailable].filter(({ status }) => {
        const { reservedFor = [] } = status ?? {}
        return reservedFor.length === 0 || (reservedFor.length === 1 && reservedFor[0]!.uid === pod.metadata.uid)
      })
      if (idle.length === 0 || handle.client === undefined) return refused('still not schedulable')
      const claim = idle[handle.env.random.int(idle.length)]!
      const { allocation: _, reservedFor: __, devices: ___, ...status } = claim.status!
      return handle.client.update(resourceClaims, { ...claim, status }, { subresource: 'status' }).then(() => refused('deallocation of ResourceClaim completed'))
    },
    score(state, _pod, node) {
      const mine = stateOf(state)
      if (mine === undefined) return 0
      const allocations = mine.byNode.get(node.name) ?? []
      let next = 0
      let score = 0
      for (const claim of mine.claims) {
        const allocation = claim.status?.allocation ?? allocations[next++]
        const taken = new Set(allocation?.devices?.results?.map(({ request }) => request))
        for (const { name: request, firstAvailable = [] } of claim.spec.devices?.requests ?? []) {
          firstAvailable.forEach((sub, i) => {
            if (taken.has(`${request}/${sub.name}`)) score += maxAlternatives - i
          })
        }
      }
      return score
    },
    normalize: (_state, _pod, _feasible, scores) => defaultNormalize(scores, false),
    reserve(state, _pod, node) {
      const mine = stateOf(state)
      if (mine === undefined || mine.toAllocate.length === 0) return undefined
      const allocations = mine.byNode.get(node.name)
      if (allocations === undefined) return failed(new Error('claim allocation not found for node'))
      mine.reserved = allocations
      mine.toAllocate.forEach((claim, i) => claims.reserve(claim.metadata.uid!, allocations[i]!))
      return undefined
    },
    unreserve(state, { pod }) {
      const mine = stateOf(state)
      if (mine === undefined) return
      for (const claim of mine.claims) {
        if (claims.settle(claim.metadata.uid!)) claims.forget(claim)
        if (handle.client === undefined || claim.status?.allocation === undefined || !isReservedFor(claim, pod)) continue
        unreserve(handle.client, claim, pod).catch((error: unknown) => handle.env.log.error('unreserve', { claim: claim.metadata.name, error }))
      }
    },
    preBindPreFlight: (state) => stateOf(state) !== undefined,
    async preBind(state, { pod }, _node, signal) {
      const mine = stateOf(state)!
      for (const [i, claim] of mine.claims.entries()) {
        if (isReservedFor(claim, pod)) continue
        const at = mine.toAllocate.indexOf(claim)
        try {
          mine.claims[i] = await bindClaim(handle.env, handle.client!, claims, claim, pod, at < 0 ? undefined : mine.reserved[at], signal)
        } finally {
          claims.settle(claim.metadata.uid!)
        }
      }
      if (mine.claims.some(mustBeMadeReady)) await untilReady(mine, signal)
      return undefined
    },
  }
}

function claimChangeHelps(pod: Pod, { object, old }: ClusterEvent, claims: DeviceClaims): boolean {
  const now = object as ResourceClaim
  const before = old as ResourceClaim | undefined
  const own = claimsOfPod(pod, claims)
  if (typeof own === 'string') return false
  // Devices came free.
  if (before?.status?.allocation !== undefined && now.status?.allocation === undefined) return true
  if (!own.some(({ metadata }) => metadata.uid === now.metadata.uid)) return false
  return before === undefined || !jsonEqual(before.status, now.status)
}
