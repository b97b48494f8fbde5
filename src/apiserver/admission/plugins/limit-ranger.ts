/** A namespace's LimitRanges give containers defaults and bounds (upstream: LimitRanger). */
import { limitRanges } from '../../../api/generated/resources.ts'
import type { Container, LimitRange, PersistentVolumeClaim, Pod } from '../../../api/generated/types/core-v1.ts'
import { podLimits, podRequests, type ReadonlyResourceList } from '../../../api/helpers/pod-resources.ts'
import { compareQuantity, formatQuantity, quantityAsFloat, quantityIsZero } from '../../../api/meta/quantity.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, objectOf, refuse, type PluginContext } from '../context.ts'

type List = ReadonlyResourceList
type Resources = Record<string, string>

const annotation = 'kubernetes.io/limit-ranger'
const text = (list: List, name: string): string => formatQuantity(list[name]!)

function* belowMin(type: string, min: List, requests: List, limits: List): Generator<string> {
  for (const [name, bound] of Object.entries(min)) {
    const what = `minimum ${name} usage per ${type} is ${formatQuantity(bound)}`
    if (requests[name] === undefined) yield `${what}.  No request is specified`
    else if (compareQuantity(requests[name], bound) < 0) yield `${what}, but request is ${text(requests, name)}`
    else if (limits[name] !== undefined && compareQuantity(limits[name], bound) < 0) yield `${what}, but limit is ${text(limits, name)}`
  }
}

function* aboveMax(type: string, max: List, requests: List, limits: List): Generator<string> {
  for (const [name, bound] of Object.entries(max)) {
    const what = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`
    if (limits[name] === undefined) yield `${what}.  No limit is specified`
    else if (compareQuantity(limits[name], bound) > 0) yield `${what}, but limit is ${text(limits, name)}`
    else if (requests[name] !== undefined && compareQuantity(requests[name], bound) > 0) yield `${what}, but request is ${text(requests, name)}`
  }
}

function* aboveMaxRequest(type: string, max: List, requests: List): Generator<string> {
  for (const [name, bound] of Object.entries(max)) {
    const what = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`
    if (requests[name] === undefined) yield `${what}.  No request is specified`
    else if (compareQuantity(requests[name], bound) > 0) yield `${what}, but request is ${text(requests, name)}`
  }
}

function* aboveRatio(type: string, ratios: List, requests: List, limits: List): Generator<string> {
  for (const [name, bound] of Object.entries(ratios)) {
    const what = `${name} max limit to request ratio per ${type} is ${formatQuantity(bound)}`
    const request = requests[name]
    const limit = limits[name]
    if (request === undefined || quantityIsZero(request)) yield `${what}, but no request is specified or request is 0`
    else if (limit === undefined || quantityIsZero(limit)) yield `${what}, but no limit is specified or limit is 0`
    else {
      const ratio = quantityAsFloat(limit) / quantityAsFloat(request)
      if (ratio > quantityAsFloat(bound)) yield `${what}, but provided ratio is ${ratio.toFixed(6)}`
    }
  }
}

/** Why a pod breaks a range. */
export function* podViolations({ spec }: LimitRange, pod: Pod): Generator<string> {
  for (const { type, min = {}, max = {}, maxLimitRequestRatio: ratio = {} } of spec?.limits ?? []) {
    const holders: { requests: List; limits: List }[] = type === 'Container'
      ? [...pod.spec?.containers ?? [], ...pod.spec?.initContainers ?? []]
        .map(({ resources }) => ({ requests: resources?.requests ?? {}, limits: resources?.limits ?? {} }))
      : type === 'Pod' ? [{ requests: podRequests(pod, { excludeOverhead: true }), limits: podLimits(pod, { excludeOverhead: true }) }] : []
    for (const { requests, limits } of holders) {
      yield* belowMin(type, min, requests, limits)
      yield* aboveMax(type, max, requests, limits)
      yield* aboveRatio(type, ratio, requests, limits)
    }
  }
}

export function* claimViolations({ spec }: LimitRange, claim: PersistentVolumeClaim): Generator<string> {
  const requests = claim.spec?.resources?.requests ?? {}
  for (const { type, min = {}, max = {} } of spec?.limits ?? []) {
    if (type !== 'PersistentVolumeClaim') continue
    yield* belowMin(type, min, requests, {})
    yield* aboveMaxRequest(type, max, requests)
  }
}

/** Adds what a container lacks; answers the names of what was added. */
function fill(container: Container, which: 'requests' | 'limits', defaults: Resources): string[] {
  const resources = (container.resources ??= {})
  const missing = Object.keys(defaults).filter((name) => resources[which]?.[name] === undefined).sort()
  if (missing.length > 0) resources[which] = { ...resources[which], ...Object.fromEntries(missing.map((n) => [n, defaults[n]!])) }
  return missing
}

/** Gives containers the range's defaults and says so in an annotation. */
export function applyDefaults({ spec }: LimitRange, pod: Pod): void {
  const items = (spec?.limits ?? []).filter((item) => item.type === 'Container')
  const requests: Resources = Object.assign({}, ...items.map((item) => item.defaultRequest ?? {}))
  const limits: Resources = Object.assign({}, ...items.map((item) => item.default ?? {}))
  const notes: string[] = []
  const visit = (kind: string, container: Container): void => {
    const newLimits = fill(container, 'limits', limits)
    const newRequests = fill(container, 'requests', requests)
    if (newRequests.length > 0) notes.push(`${newRequests.join(', ')} request for ${kind} ${container.name}`)
    if (newLimits.length > 0) notes.push(`${newLimits.join(', ')} limit for ${kind} ${container.name}`)
  }
  for (const container of pod.spec?.containers ?? []) visit('container', container)
  for (const container of pod.spec?.initContainers ?? []) visit('init container', container)
  if (notes.length > 0) {
    pod.metadata.annotations = { ...pod.metadata.annotations, [annotation]: `LimitRanger plugin set: ${notes.join('; ')}` }
  }
}

function refuseAll(a: Attributes, errors: readonly string[]): void {
  const unique = [...new Set(errors)]
  if (unique.length > 0) throw refuse(a, unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`)
}

const isNewPod = (a: Attributes): boolean => isFor(a, '', 'pods') && a.operation === 'CREATE'
const isResize = (a: Attributes): boolean => isFor(a, '', 'pods', 'resize') && a.operation === 'UPDATE'

export function limitRanger({ lister }: PluginContext): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    handles: (a) => isNewPod(a) || isResize(a) || (isFor(a, '', 'persistentvolumeclaims') && a.operation !== 'DELETE'),
    admit(a) {
      if (a.oldObject?.metadata.deletionTimestamp || a.resource.resource !== 'pods') return Promise.resolve()
      for (const range of lister.list(limitRanges, a.namespace)) applyDefaults(range, objectOf<Pod>(a))
      return Promise.resolve()
    },
    validate(a) {
      if (a.oldObject?.metadata.deletionTimestamp) return Promise.resolve()
      for (const range of lister.list(limitRanges, a.namespace)) {
        refuseAll(a, [...a.resource.resource === 'pods'
          ? podViolations(range, objectOf<Pod>(a)) : claimViolations(range, objectOf<PersistentVolumeClaim>(a))])
      }
      return Promise.resolve()
    },
  }
}
