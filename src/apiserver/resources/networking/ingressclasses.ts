import type { IngressClass } from '../../../api/generated/types/networking-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateIngressClass, validateIngressClassUpdate } from './ingress-validation.ts'

const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class'

function parametersText({ spec }: IngressClass): string {
  if (!spec?.parameters) return '<none>'
  const { kind, apiGroup, name } = spec.parameters
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`
}

export const ingressClasses = builtin<IngressClass>({
  group: 'networking.k8s.io', version: 'v1', resource: 'ingressclasses',
  unconditionalUpdate: true,
  default({ spec }) {
    if (spec?.parameters) spec.parameters.scope ??= 'Cluster'
  },
  validate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
  columns: [
    nameColumn(({ metadata }) => `${metadata.name}${metadata.annotations?.[defaultAnnotation] === 'true' ? ' (default)' : ''}`),
    text('Controller', (o) => o.spec?.controller ?? ''),
    text('Parameters', parametersText),
    ageColumn(),
  ],
})
