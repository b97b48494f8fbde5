/** Where a pod may go: affinity, tolerations, spreading, gates. */
import type {
  Affinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinity, PodAffinityTerm, PodSpec, PreferredSchedulingTerm, Toleration,
  TopologySpreadConstraint,
} from '../../../api/generated/types/core-v1.ts'
import type { LabelSelector } from '../../../api/generated/types/meta-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { validateLabelName, validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { isDecimalInteger, isDNS1123Subdomain, isLabelValue } from '../../../api/meta/names.ts'
import { invalidAll, namespaceName, optionalOneOf, positive, qualifiedName } from './common.ts'

function* requirement(path: string, { key, operator, values = [] }: NodeSelectorRequirement, checkValues: boolean): Generator<FieldError> {
  switch (operator) {
    case 'In': case 'NotIn':
      if (values.length === 0) yield fieldRequired(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")
      break
    case 'Exists': case 'DoesNotExist':
      if (values.length > 0) yield fieldForbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
      break
    case 'Gt': case 'Lt':
      if (values.length !== 1) yield fieldRequired(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")
      break
    default: yield fieldInvalid(`${path}.operator`, operator ?? '', 'not a valid selector operator')
  }
  yield* validateLabelName(key, `${path}.key`)
  if (checkValues) for (const [i, value] of values.entries()) yield* invalidAll(indexPath(`${path}.values`, i), value, isLabelValue(value))
}

function* fieldRequirement(path: string, { key, operator, values = [] }: NodeSelectorRequirement): Generator<FieldError> {
  if (operator !== 'In' && operator !== 'NotIn') yield fieldInvalid(`${path}.operator`, operator ?? '', 'not a valid selector operator')
  else if (values.length !== 1) yield fieldRequired(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector")
  if (key !== 'metadata.name') yield fieldInvalid(`${path}.key`, key, 'not a valid field selector key')
  else for (const [i, value] of values.entries()) yield* invalidAll(indexPath(`${path}.values`, i), value, isDNS1123Subdomain(value))
}

function* term(path: string, { matchExpressions, matchFields }: NodeSelectorTerm, checkValues: boolean): Generator<FieldError> {
  for (const [i, r] of (matchExpressions ?? []).entries()) yield* requirement(indexPath(`${path}.matchExpressions`, i), r, checkValues)
  for (const [i, r] of (matchFields ?? []).entries()) yield* fieldRequirement(indexPath(`${path}.matchFields`, i), r)
}

/** `checkValues`: whether values must be label values, which old objects' need not. */
export function* nodeSelectorErrors(path: string, selector: NodeSelector, checkValues = true): Generator<FieldError> {
  const terms = selector.nodeSelectorTerms ?? []
  if (terms.length === 0) yield fieldRequired(`${path}.nodeSelectorTerms`, 'must have at least one node selector term')
  for (const [i, t] of terms.entries()) yield* term(indexPath(`${path}.nodeSelectorTerms`, i), t, checkValues)
}

const weightRange = 'must be in the range 1-100'
const badWeight = (weight: number): boolean => weight <= 0 || weight > 100

function* preferred(path: string, terms: readonly PreferredSchedulingTerm[]): Generator<FieldError> {
  for (const [i, { weight, preference }] of terms.entries()) {
    if (badWeight(weight)) yield fieldInvalid(`${indexPath(path, i)}.weight`, weight, weightRange)
    yield* term(`${indexPath(path, i)}.preference`, preference, false)
  }
}

function* labelKeys(path: string, keys: readonly string[] | undefined, selector: LabelSelector | undefined): Generator<FieldError> {
  if (!keys?.length) return
  if (selector === undefined) yield fieldForbidden(path, 'must not be specified when labelSelector is not set')
  else for (const [i, key] of keys.entries()) yield* validateLabelName(key, indexPath(path, i))
}

function* matchLabelKeys(
  path: string, keys: readonly string[] | undefined, mismatch: readonly string[] | undefined, selector: LabelSelector | undefined,
): Generator<FieldError> {
  yield* labelKeys(`${path}.matchLabelKeys`, keys, selector)
  yield* labelKeys(`${path}.mismatchLabelKeys`, mismatch, selector)
  const known = new Set(Object.keys(selector?.matchLabels ?? {}))
  for (const { key } of selector?.matchExpressions ?? []) {
    const i = keys?.indexOf(key) ?? -1
    if (i >= 0 && known.has(key)) yield fieldInvalid(indexPath(path, i), key, 'exists in both matchLabelKeys and labelSelector')
    known.add(key)
  }
  for (const [i, key] of (keys ?? []).entries()) {
    if (mismatch?.includes(key)) yield fieldInvalid(indexPath(`${path}.matchLabelKeys`, i), key, 'exists in both matchLabelKeys and mismatchLabelKeys')
  }
}

function* podTerm(path: string, t: PodAffinityTerm): Generator<FieldError> {
  yield* validateLabelSelector(t.labelSelector, `${path}.labelSelector`)
  yield* validateLabelSelector(t.namespaceSelector, `${path}.namespaceSelector`)
  for (const name of t.namespaces ?? []) yield* namespaceName(`${path}.namespace`, name)
  yield* matchLabelKeys(path, t.matchLabelKeys, t.mismatchLabelKeys, t.labelSelector)
  if (!t.topologyKey) yield fieldRequired(`${path}.topologyKey`, 'can not be empty')
  yield* validateLabelName(t.topologyKey ?? '', `${path}.topologyKey`)
}

function* podAffinity(path: string, affinity: PodAffinity | undefined): Generator<FieldError> {
  const [hard, soft] = ['requiredDuringSchedulingIgnoredDuringExecution', 'preferredDuringSchedulingIgnoredDuringExecution'] as const
  for (const [i, t] of (affinity?.[hard] ?? []).entries()) yield* podTerm(indexPath(`${path}.${hard}`, i), t)
  for (const [i, { weight, podAffinityTerm }] of (affinity?.[soft] ?? []).entries()) {
    const at = indexPath(`${path}.${soft}`, i)
    if (badWeight(weight)) yield fieldInvalid(`${at}.weight`, weight, weightRange)
    yield* podTerm(`${at}.podAffinityTerm`, podAffinityTerm)
  }
}

export function* affinityErrors(path: string, affinity: Affinity | undefined): Generator<FieldError> {
  const node = affinity?.nodeAffinity
  const [hard, soft] = ['requiredDuringSchedulingIgnoredDuringExecution', 'preferredDuringSchedulingIgnoredDuringExecution'] as const
  if (node?.[hard] !== undefined) yield* nodeSelectorErrors(`${path}.nodeAffinity.${hard}`, node[hard])
  yield* preferred(`${path}.nodeAffinity.${soft}`, node?.[soft] ?? [])
  yield* podAffinity(`${path}.podAffinity`, affinity?.podAffinity)
  yield* podAffinity(`${path}.podAntiAffinity`, affinity?.podAntiAffinity)
}

export const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

export function* tolerationErrors(
  path: string, tolerations: readonly Toleration[] | undefined, feature: (name: string) => boolean,
): Generator<FieldError> {
  for (const [i, { key, operator, value = '', effect, tolerationSeconds }] of (tolerations ?? []).entries()) {
    const at = indexPath(path, i)
    if (key) yield* validateLabelName(key, `${at}.key`)
    else if (operator !== 'Exists') {
      yield fieldInvalid(`${at}.operator`, operator ?? '', 'operator must be Exists when `key` is empty, which means "match all values and all keys"')
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      yield fieldInvalid(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set")
    }
    yield* tolerationValue(at, operator, value, feature('TaintTolerationComparisonOperators'))
    if (effect) yield* optionalOneOf(`${at}.effect`, effect, taintEffects)
  }
}

function* tolerationValue(at: string, operator: string | undefined, value: string, comparisons: boolean): Generator<FieldError> {
  switch (operator) {
    case 'Equal': case '': case undefined: {
      const wrong = isLabelValue(value)
      if (wrong.length > 0) yield fieldInvalid(`${at}.operator`, value, wrong.join(';'))
      break
    }
    case 'Exists':
      if (value !== '') yield fieldInvalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'")
      break
    case 'Lt': case 'Gt':
      if (comparisons) yield* comparisonValue(at, value)
      else yield fieldNotSupported(`${at}.operator`, operator, ['Equal', 'Exists', 'Lt', 'Gt'])
      break
    default: yield fieldNotSupported(`${at}.operator`, operator, ['Equal', 'Exists'])
  }
}

function* comparisonValue(at: string, value: string): Generator<FieldError> {
  const wrong = isDecimalInteger(value)
  yield* invalidAll(`${at}.value`, value, wrong)
  if (wrong.length > 0) yield fieldInvalid(`${at}.value`, value, `strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`)
}

const inclusion = ['Honor', 'Ignore']

export function* spreadErrors(path: string, constraints: readonly TopologySpreadConstraint[] | undefined): Generator<FieldError> {
  const list = constraints ?? []
  for (const [i, c] of list.entries()) {
    const at = indexPath(path, i)
    yield* positive(`${at}.maxSkew`, c.maxSkew)
    if (!c.topologyKey) yield fieldRequired(`${at}.topologyKey`, 'can not be empty')
    if (c.whenUnsatisfiable !== 'DoNotSchedule' && c.whenUnsatisfiable !== 'ScheduleAnyway') {
      yield fieldNotSupported(`${at}.whenUnsatisfiable`, c.whenUnsatisfiable ?? '', ['DoNotSchedule', 'ScheduleAnyway'])
    }
    if (list.slice(i + 1).some((o) => o.topologyKey === c.topologyKey && o.whenUnsatisfiable === c.whenUnsatisfiable)) {
      yield fieldDuplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${c.topologyKey}, ${c.whenUnsatisfiable}}`)
    }
    if (c.minDomains !== undefined) {
      yield* positive(`${at}.minDomains`, c.minDomains)
      if (c.whenUnsatisfiable !== 'DoNotSchedule') {
        yield fieldInvalid(`${at}.minDomains`, c.minDomains, `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${c.whenUnsatisfiable}`)
      }
    }
    yield* optionalOneOf(`${at}.nodeAffinityPolicy`, c.nodeAffinityPolicy, inclusion)
    yield* optionalOneOf(`${at}.nodeTaintsPolicy`, c.nodeTaintsPolicy, inclusion)
    yield* matchLabelKeys(at, c.matchLabelKeys, undefined, c.labelSelector)
    yield* validateLabelSelector(c.labelSelector, `${at}.labelSelector`)
  }
}

export function* gateErrors(path: string, { schedulingGates, readinessGates }: PodSpec): Generator<FieldError> {
  for (const [i, { conditionType }] of (readinessGates ?? []).entries()) {
    yield* qualifiedName(`${indexPath(`${path}.readinessGates`, i)}.conditionType`, conditionType)
  }
  const seen = new Set<string>()
  for (const [i, { name }] of (schedulingGates ?? []).entries()) {
    const at = indexPath(`${path}.schedulingGates`, i)
    yield* qualifiedName(at, name)
    if (seen.has(name)) yield fieldDuplicate(at, name)
    seen.add(name)
  }
}
