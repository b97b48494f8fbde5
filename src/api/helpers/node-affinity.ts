/**
 * Node selectors and affinity (component-helpers scheduling/corev1/nodeaffinity), compiled once and matched against many
 * nodes. A term that cannot be read matches no node; an empty term matches none either.
 */
import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '../generated/types/core-v1.ts'
import type { FieldError } from '../meta/errors.ts'
import { childPath, fieldInvalid, fieldNotSupported, indexPath } from '../meta/field-errors.ts'
import { LabelSelectorError, newRequirement, selectorFromSet, selectorOf } from '../meta/label-selector.ts'
import type { LabelOperator } from '../meta/label-selector.ts'

/** What of a node is looked at. */
export interface NodeLike {
  readonly metadata: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> }
}

export type NodeMatcher = (node: NodeLike) => boolean

const never: NodeMatcher = () => false

const labelOperators: Readonly<Record<string, LabelOperator>> = {
  In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!', Gt: 'gt', Lt: 'lt',
}

function compileLabels(requirements: readonly NodeSelectorRequirement[]): NodeMatcher {
  try {
    const selector = selectorOf(requirements.map(({ key, operator, values }) => {
      const op = labelOperators[operator]
      if (op === undefined) throw new LabelSelectorError(`unknown operator ${operator}`)
      return newRequirement(key, op, values ?? [])
    }))
    return (node) => selector.matches(node.metadata.labels)
  } catch (error) {
    if (error instanceof LabelSelectorError) return never
    throw error
  }
}

function compileFields(requirements: readonly NodeSelectorRequirement[]): NodeMatcher {
  if (checkNodeFields(requirements, '').next().done !== true) return never
  return (node) => {
    const name = node.metadata.name
    if (!name) return true
    return requirements.every(({ key, operator, values }) =>
      ((key === 'metadata.name' ? name : '') === values![0]) === (operator === 'In'))
  }
}

/** What is wrong with a term's matchFields. */
export function* checkNodeFields(
  requirements: readonly NodeSelectorRequirement[], path: string,
): Generator<FieldError> {
  for (const [i, { operator, values }] of requirements.entries()) {
    const at = indexPath(path, i)
    if (operator !== 'In' && operator !== 'NotIn') yield fieldNotSupported(childPath(at, 'operator'), operator, ['In', 'NotIn'])
    else if (values?.length !== 1) yield fieldInvalid(childPath(at, 'values'), values ?? null, 'must have one element')
  }
}

/** All expressions and fields of one term together. */
export function compileNodeSelectorTerm(term: NodeSelectorTerm): NodeMatcher {
  const { matchExpressions = [], matchFields = [] } = term
  if (matchExpressions.length === 0 && matchFields.length === 0) return never
  const labels = matchExpressions.length === 0 ? undefined : compileLabels(matchExpressions)
  const fields = matchFields.length === 0 ? undefined : compileFields(matchFields)
  if (fields === undefined) return labels!
  if (labels === undefined) return fields
  return (node) => labels(node) && fields(node)
}

/** Any of the terms. */
export function compileNodeSelector(selector: NodeSelector): NodeMatcher {
  const terms = selector.nodeSelectorTerms.map(compileNodeSelectorTerm)
  if (terms.length === 1) return terms[0]!
  return (node) => terms.some((term) => term(node))
}

/** spec.nodeSelector and the required node affinity together. */
export function compileRequiredNodeAffinity(pod: Pick<Pod, 'spec'>): NodeMatcher {
  const set = pod.spec?.nodeSelector
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const labels = set === undefined || Object.keys(set).length === 0 ? undefined : selectorFromSet(set)
  const affinity = required === undefined ? undefined : compileNodeSelector(required)
  return (node) =>
    (labels === undefined || labels.matches(node.metadata.labels)) && (affinity === undefined || affinity(node))
}

export function nodeMatchesPod(pod: Pick<Pod, 'spec'>, node: NodeLike): boolean {
  return compileRequiredNodeAffinity(pod)(node)
}
