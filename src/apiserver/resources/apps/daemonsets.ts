import type { DaemonSet } from '../../../api/generated/types/apps-v1.ts'
import { formatLabelSelector } from '../../../api/meta/selectors.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, formatLabels, integer, nameColumn, templateColumns, text, wide } from '../columns.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { dropDisabledTemplateFields } from '../core/pod-gates.ts'
import { semanticEqual } from '../validation/common.ts'
import { validateDaemonSet, validateDaemonSetStatus, validateDaemonSetUpdate } from './validation.ts'
import { templateWarnings } from '../validation/pod-warnings.ts'

const generationAnnotation = 'deprecated.daemonset.template.generation'

function setDefaults({ metadata, spec }: DaemonSet): void {
  // Upstream keeps it as a field, and its conversion shows the field whatever it is.
  if (metadata.annotations?.[generationAnnotation] === undefined) metadata.annotations = { ...metadata.annotations, [generationAnnotation]: '0' }
  if (spec === undefined) return
  const strategy = (spec.updateStrategy ??= {})
  strategy.type ||= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    const rolling = (strategy.rollingUpdate ??= {})
    rolling.maxUnavailable ??= 1
    rolling.maxSurge ??= 0
  } else if (strategy.rollingUpdate !== undefined) {
    // What upstream's own type makes of what is not said.
    strategy.rollingUpdate.maxUnavailable ??= 0
    strategy.rollingUpdate.maxSurge ??= 0
  }
  spec.revisionHistoryLimit ??= 10
  defaultPodTemplate(spec.template)
}

const templateGeneration = ({ metadata }: DaemonSet): number => Number(metadata.annotations?.[generationAnnotation] ?? 0)

/** Counts changes of the template as old clients expect it: the server's number, kept as an annotation. */
function setTemplateGeneration(set: DaemonSet, generation: number): void {
  set.metadata.annotations = { ...set.metadata.annotations, [generationAnnotation]: String(generation) }
}

export const daemonSets = builtin<DaemonSet>({
  group: 'apps', version: 'v1', resource: 'daemonsets',
  unconditionalUpdate: true,
  default: setDefaults,
  prepareForCreate(set, { feature }) {
    set.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 }
    dropDisabledTemplateFields(set.spec?.template, undefined, feature)
    setTemplateGeneration(set, Math.max(templateGeneration(set), 1))
  },
  prepareForUpdate(set, old, { feature }) {
    dropDisabledTemplateFields(set.spec?.template, old.spec?.template, feature)
    const changed = !semanticEqual(set.spec?.template, old.spec?.template)
    setTemplateGeneration(set, templateGeneration(old) + (changed ? 1 : 0))
  },
  validate: validateDaemonSet,
  validateUpdate: validateDaemonSetUpdate,
  subresources: {
    status: statusSubresource({ prepareForUpdate: (set, old) => setTemplateGeneration(set, templateGeneration(old)), validateUpdate: validateDaemonSetStatus }),
  },
  fieldAnnotations: [generationAnnotation],
  warnings: ({ spec }, old) => templateWarnings('spec.template', spec?.template, old === undefined ? undefined : { template: old.spec?.template }),
  columns: [
    nameColumn(),
    integer('Desired', (o) => o.status?.desiredNumberScheduled ?? 0),
    integer('Current', (o) => o.status?.currentNumberScheduled ?? 0),
    integer('Ready', (o) => o.status?.numberReady ?? 0),
    integer('Up-to-date', (o) => o.status?.updatedNumberScheduled ?? 0),
    integer('Available', (o) => o.status?.numberAvailable ?? 0),
    text('Node Selector', (o) => formatLabels(o.spec?.template?.spec?.nodeSelector)),
    ageColumn(),
    ...templateColumns<DaemonSet>((o) => o.spec?.template),
    wide('Selector', (o) => formatLabelSelector(o.spec?.selector)),
  ],
})
