import type { PodTemplate } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'
import { formatLabels, nameColumn, templateColumns, text } from '../columns.ts'
import { podTemplateErrors } from '../validation/pod-spec.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { dropDisabledTemplateFields } from './pod-gates.ts'
import { templateWarnings } from '../validation/pod-warnings.ts'

const [containers, images] = templateColumns<PodTemplate>((o) => o.template)

export const podTemplates = builtin<PodTemplate>({
  group: '', version: 'v1', resource: 'podtemplates',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: ['template'],
  default: ({ template }) => defaultPodTemplate(template),
  prepareForCreate: ({ template }, { feature }) => dropDisabledTemplateFields(template, undefined, feature),
  prepareForUpdate: ({ template }, old, { feature }) => dropDisabledTemplateFields(template, old.template, feature),
  validate: ({ template }, context) => podTemplateErrors('template', template, context),
  validateUpdate: ({ template }, _old, context) => podTemplateErrors('template', template, context),
  warnings: ({ template }, old) => templateWarnings('template', template, old === undefined ? undefined : { template: old.template }),
  columns: [
    nameColumn(), text('Containers', containers!.value), text('Images', images!.value),
    text('Pod Labels', (o) => formatLabels(o.template?.metadata?.labels)),
  ],
})
