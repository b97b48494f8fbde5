/** Runtime classes (upstream: pkg/apis/node/validation). */
import type { RuntimeClass } from '../../../api/generated/types/node-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { validateLabels } from '../../../api/meta/metadata-validation.ts'
import { dnsLabel, immutable } from '../validation/common.ts'
import { tolerationErrors } from '../validation/pod-scheduling.ts'
import type { Gated } from '../validation/pod-spec.ts'
import { requirementErrors } from '../validation/resource-lists.ts'

export function* validateRuntimeClass({ handler, overhead, scheduling }: RuntimeClass, { feature }: Gated): Generator<FieldError> {
  if (!handler) yield fieldRequired('handler')
  else yield* dnsLabel('handler', handler)
  if (overhead) yield* requirementErrors('overhead', { limits: overhead.podFixed ?? {} }, new Set())
  if (!scheduling) return
  yield* validateLabels(scheduling.nodeSelector, 'scheduling.nodeSelector')
  const tolerations = scheduling.tolerations ?? []
  yield* tolerationErrors('scheduling.tolerations', tolerations, feature)
  for (const [i, t] of tolerations.entries()) {
    const twin = tolerations.findIndex((other) => (['key', 'operator', 'value', 'effect'] as const).every((name) => (other[name] ?? '') === (t[name] ?? '')))
    if (twin === i) continue
    // Upstream prints its internal type.
    yield fieldDuplicate(indexPath('scheduling.tolerations', i), {
      Key: t.key ?? '', Operator: t.operator ?? '', Value: t.value ?? '', Effect: t.effect ?? '', TolerationSeconds: t.tolerationSeconds ?? null,
    })
  }
}

export function* validateRuntimeClassUpdate(next: RuntimeClass, old: RuntimeClass, gates: Gated): Generator<FieldError> {
  yield* validateRuntimeClass(next, gates)
  yield* immutable('handler', next.handler, old.handler)
}
