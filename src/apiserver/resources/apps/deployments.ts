import type { Deployment } from '../../../api/generated/types/apps-v1.ts'
import { selectorFromObject } from '../../../api/meta/selectors.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, templateColumns, text, wide } from '../columns.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { labelSelectorScale } from '../scale.ts'
import { dropDisabledTemplateFields } from '../core/pod-gates.ts'
import { validateDeployment, validateDeploymentStatus, validateDeploymentUpdate } from './validation.ts'
import { workloadWarnings } from '../validation/pod-warnings.ts'

function setDefaults({ spec }: Deployment): void {
  if (spec === undefined) return
  spec.replicas ??= 1
  const strategy = (spec.strategy ??= {})
  strategy.type ||= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    const rolling = (strategy.rollingUpdate ??= {})
    rolling.maxUnavailable ??= '25%'
    rolling.maxSurge ??= '25%'
  }
  spec.revisionHistoryLimit ??= 10
  spec.progressDeadlineSeconds ??= 600
  defaultPodTemplate(spec.template)
}

function selectorText(o: Deployment): string {
  try {
    return selectorFromObject(o.spec?.selector).toString()
  } catch {
    return '<invalid>'
  }
}

export const deployments = builtin<Deployment>({
  group: 'apps', version: 'v1', resource: 'deployments',
  unconditionalUpdate: true,
  scale: labelSelectorScale,
  generationFields: ['spec', 'metadata.annotations'],
  default: setDefaults,
  prepareForCreate(deployment, { feature }) {
    deployment.status = {}
    dropDisabledTemplateFields(deployment.spec?.template, undefined, feature)
  },
  prepareForUpdate: (deployment, old, { feature }) => dropDisabledTemplateFields(deployment.spec?.template, old.spec?.template, feature),
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
  subresources: {
    status: statusSubresource({
      resetFields: ['metadata.labels'],
      prepareForUpdate(object, old) {
        if (old.metadata.labels === undefined) delete object.metadata.labels
        else object.metadata.labels = old.metadata.labels
      },
      validateUpdate: validateDeploymentStatus,
    }),
  },
  warnings: workloadWarnings,
  columns: [
    nameColumn(),
    text('Ready', (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`),
    text('Up-to-date', (o) => o.status?.updatedReplicas ?? 0),
    text('Available', (o) => o.status?.availableReplicas ?? 0),
    ageColumn(),
    ...templateColumns<Deployment>((o) => o.spec?.template),
    wide('Selector', selectorText),
  ],
})
