import type { PodTemplate } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'
import { formatLabels, nameColumn, templateColumns, text } from '../columns.ts'
import { defaultPodTemplate } from './pod-defaults.ts'

const [containers, images] = templateColumns<PodTemplate>((o) => o.template)

export const podTemplates = builtin<PodTemplate>({
  group: '', version: 'v1', resource: 'podtemplates',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: ['template'],
  default: ({ template }) => defaultPodTemplate(template),
  columns: [
    nameColumn(), text('Containers', containers!.value), text('Images', images!.value),
    text('Pod Labels', (o) => formatLabels(o.template?.metadata?.labels)),
  ],
})
