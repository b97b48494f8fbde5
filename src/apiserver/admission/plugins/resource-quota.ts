/**
 * A namespace takes no more than its quotas allow (upstream: apiserver/pkg/admission/plugin/resourcequota). What is
 * taken is written into the quota's status before the object is stored; the quota controller gives back what is gone.
 */
import { resourceQuotas } from '../../../api/generated/resources.ts'
import type { Pod, ResourceQuota } from '../../../api/generated/types/core-v1.ts'
import {
  addUsage, isTerminatingPod, maskUsage, quotaEvaluator, quotaMatches, subUsage, usageText, withoutZeros, type QuotaEvaluator, type Usage,
} from '../../../api/helpers/quota.ts'
import { internalError, isStatus } from '../../../api/meta/errors.ts'
import { compareQuantity, formatQuantity } from '../../../api/meta/quantity.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, isOperation, objectOf, oldObjectOf, refuse, same, type PluginContext } from '../context.ts'

const retries = 3

const usageLine = (usage: Usage): string =>
  Object.keys(usage).sort().map((name) => `${name}=${formatQuantity(usage[name]!)}`).join(',')

/** Kinds that quota never counts. */
const ignored = new Set(['events.', 'events.events.k8s.io'])

function handlesPod(a: Attributes): boolean {
  if (a.subresource === 'resize') return a.operation === 'UPDATE'
  if (a.subresource !== '') return false
  return a.operation === 'CREATE'
    || (a.operation === 'UPDATE' && isTerminatingPod(objectOf<Pod>(a)) !== isTerminatingPod(oldObjectOf<Pod>(a)))
}

function counts(a: Attributes): boolean {
  if (a.namespace === '' || ignored.has(`${a.resource.resource}.${a.resource.group}`)) return false
  if (a.resource.group === '' && a.resource.resource === 'namespaces') return false
  if (a.resource.group === '' && a.resource.resource === 'pods') return handlesPod(a)
  if (isFor(a, '', 'services') || isFor(a, '', 'persistentvolumeclaims')) return isOperation(a, 'CREATE', 'UPDATE')
  return a.subresource === '' && a.operation === 'CREATE'
}

/** What one quota must count more of for a request; undefined when the quota does not see it. Throws 403. */
export function demand(a: Attributes, quota: ResourceQuota, evaluator: QuotaEvaluator, now: Date): Usage | undefined {
  const object = a.object!
  if (!quotaMatches(quota, evaluator, object, now)) return undefined
  const name = quota.metadata.name ?? ''
  const hard = quota.status?.hard ?? {}
  const names = evaluator.matchingResources(Object.keys(hard))
  const missing = evaluator.missing(names, object)
  if (missing !== undefined) throw refuse(a, `failed quota: ${name}: ${missing}`)
  if (names.some((n) => quota.status?.used?.[n] === undefined)) {
    throw refuse(a, `status unknown for quota: ${name}, resources: ${[...names].sort().join(',')}`)
  }
  let usage = evaluator.usage(object, now)
  if (a.operation === 'UPDATE' && a.oldObject !== undefined && quotaMatches(quota, evaluator, a.oldObject, now)) {
    usage = subUsage(usage, evaluator.usage(a.oldObject, now))
  }
  const wanted = maskUsage(withoutZeros(usage), Object.keys(hard))
  return Object.keys(wanted).length === 0 ? undefined : wanted
}

/** The quota's usage with the demand in it. Throws 403 when that is too much. */
export function charge(a: Attributes, quota: ResourceQuota, wanted: Usage): Usage {
  const hard: Usage = quota.status?.hard ?? {}
  const used: Usage = quota.status?.used ?? {}
  const next = addUsage(used, wanted)
  const exceeded = Object.keys(wanted).filter((name) => hard[name] !== undefined && compareQuantity(next[name]!, hard[name]) > 0)
  if (exceeded.length > 0 && a.subresource !== 'status') {
    const [requested, taken, limit] = [wanted, used, hard].map((list) => usageLine(maskUsage(list, exceeded)))
    throw refuse(a, `exceeded quota: ${quota.metadata.name}, requested: ${requested}, used: ${taken}, limited: ${limit}`)
  }
  return next
}

export function resourceQuota({ lister, client, clock }: PluginContext): AdmissionPlugin {
  /** One request after another in each namespace: they change the same quotas. */
  const turns = new Map<string, Promise<unknown>>()

  async function inTurn(namespace: string, run: () => Promise<void>): Promise<void> {
    const before = turns.get(namespace) ?? Promise.resolve()
    const mine = before.catch(() => undefined).then(run)
    turns.set(namespace, mine)
    try {
      await mine
    } finally {
      if (turns.get(namespace) === mine) turns.delete(namespace)
    }
  }

  async function write(quota: ResourceQuota, used: Usage): Promise<boolean> {
    const next: ResourceQuota = { ...quota, status: { ...quota.status, used: usageText(used) } }
    if (same(next.status, quota.status)) return true
    try {
      await client.update(resourceQuotas, next, { subresource: 'status' })
      return true
    } catch (error) {
      if (isStatus(error, 'Conflict')) return false
      throw error
    }
  }

  async function charged(a: Attributes): Promise<void> {
    const evaluator = quotaEvaluator(a.resource.group, a.resource.resource)
    const done = new Set<string>()
    for (let attempt = 0; attempt <= retries; attempt++) {
      const now = new Date(clock.now())
      const quotas = attempt === 0 ? lister.list(resourceQuotas, a.namespace)
        : (await client.list(resourceQuotas, { namespace: a.namespace })).items
      const pending = quotas.filter((quota) => !done.has(quota.metadata.name ?? '')).flatMap((quota) => {
        const wanted = demand(a, quota, evaluator, now)
        return wanted === undefined ? [] : [{ quota, used: charge(a, quota, wanted) }]
      })
      if (pending.length === 0 || a.dryRun) return
      let failed = false
      for (const { quota, used } of pending) {
        if (await write(quota, used)) done.add(quota.metadata.name ?? '')
        else failed = true
      }
      if (!failed) return
    }
    throw internalError('resource quota evaluation timed out')
  }

  return {
    name: 'ResourceQuota',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE') && counts(a),
    async validate(a) {
      if (lister.list(resourceQuotas, a.namespace).length > 0) await inTurn(a.namespace, () => charged(a))
    },
  }
}
