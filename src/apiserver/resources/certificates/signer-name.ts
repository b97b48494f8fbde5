/** Names of signers (upstream: pkg/apis/core/validation/names.go). */
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldRequired, fieldTooLong } from '../../../api/meta/field-errors.ts'
import { isDNS1123Label, isDNS1123Subdomain } from '../../../api/meta/names.ts'

/** "example.com/signer-name": a domain of at least two labels and a path. */
export function* signerName(path: string, name: string | undefined): Generator<FieldError> {
  if (!name) {
    yield fieldRequired(path)
    return
  }
  const segments = name.split('/')
  const [domain = '', rest = ''] = segments
  if (segments.length !== 2) {
    yield fieldInvalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")
    return
  }
  if (domain.length > 253) yield fieldTooLong(path, 253)
  const labels = domain.split('.')
  yield* firstProblem(path, domain, labels, isDNS1123Label)
  if (labels.length < 2) yield fieldInvalid(path, domain, 'should be a domain with at least two segments separated by dots')
  yield* firstProblem(path, rest, rest.split('.'), isDNS1123Subdomain)
  if (name.length > 253 + 317 + 1) yield fieldTooLong(path, 253 + 317 + 1)
}

/** What is wrong with the first label that is wrong. */
function* firstProblem(path: string, value: string, labels: readonly string[], check: (label: string) => readonly string[]): Generator<FieldError> {
  const bad = labels.find((label) => check(label).length > 0)
  if (bad === undefined) return
  for (const message of check(bad)) yield fieldInvalid(path, value, `validating label ${JSON.stringify(bad)}: ${message}`)
}

/** The names under which somebody may be allowed to act for a signer: its own, and that of every signer of its domain. */
export const signerGrants = (name: string): readonly string[] => [name, `${name.split('/', 1)[0]}/*`]
