/** Bindings of policies (apis/admissionregistration/validation). */
import type {
  MutatingAdmissionPolicyBinding, ParamRef, ValidatingAdmissionPolicyBinding,
} from '../../../api/generated/types/admissionregistration-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { isPathSegmentName } from '../../../api/meta/names.ts'
import { dnsSubdomain, invalidAll, oneOf } from '../validation/common.ts'
import { matchResourcesErrors } from './rules.ts'

type Spec = NonNullable<MutatingAdmissionPolicyBinding['spec']>

function* bindingErrors({ policyName = '', paramRef, matchResources }: Spec): Generator<FieldError> {
  if (policyName === '') yield fieldRequired('spec.policyName')
  else yield* dnsSubdomain('spec.policyName', policyName)
  if (paramRef !== undefined) yield* paramRefErrors(paramRef, 'spec.paramRef')
  yield* matchResourcesErrors(matchResources, 'spec.matchResources')
}

export function* validateMutatingBinding({ spec }: MutatingAdmissionPolicyBinding): Generator<FieldError> {
  yield* bindingErrors(spec ?? {})
}

export function* validateValidatingBinding({ spec }: ValidatingAdmissionPolicyBinding): Generator<FieldError> {
  yield* bindingErrors(spec ?? {})
  yield* actionErrors(spec?.validationActions ?? [], 'spec.validationActions')
}

const actions = ['Audit', 'Deny', 'Warn']

function* actionErrors(given: readonly string[], path: string): Generator<FieldError> {
  for (const [i, action] of given.entries()) {
    if (!actions.includes(action)) yield fieldNotSupported(indexPath(path, i), action, actions)
    if (given.indexOf(action) < i) yield fieldDuplicate(indexPath(path, i), action)
  }
  if (given.includes('Deny') && given.includes('Warn')) {
    yield fieldInvalid(path, given,
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)')
  }
  if (given.length === 0) yield fieldRequired(path, 'at least one validation action is required')
}

function* paramRefErrors({ name = '', selector, parameterNotFoundAction: action }: ParamRef, path: string): Generator<FieldError> {
  const exclusive = 'name and selector are mutually exclusive'
  if (name !== '') {
    yield* invalidAll(childPath(path, 'name'), name, isPathSegmentName(name))
    if (selector !== undefined) yield fieldForbidden(childPath(path, 'name'), exclusive)
  }
  if (selector !== undefined) {
    yield* validateLabelSelector(selector, childPath(path, 'selector'))
    if (name !== '') yield fieldForbidden(childPath(path, 'selector'), exclusive)
  }
  if (name === '' && selector === undefined) yield fieldRequired(path, 'one of name or selector must be specified')
  yield* oneOf(childPath(path, 'parameterNotFoundAction'), action, ['Deny', 'Allow'])
}
