import type { APIService } from '../../../api/generated/types/apiregistration-v1.ts'
import { findCondition } from '../../../api/meta/conditions.ts'
import { formatTime } from '../../../api/meta/time.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { apiServiceName, validateAPIService, validateAPIServiceStatus, validateAPIServiceUpdate } from './validation.ts'

function availableText({ status }: APIService): string {
  const condition = findCondition(status?.conditions, 'Available')
  if (condition === undefined) return 'Unknown'
  return condition.status !== 'True' && condition.reason ? `${condition.status} (${condition.reason})` : condition.status
}

export const apiServices = builtin<APIService>({
  group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices',
  anyFinalizers: true,
  storagePrefix: 'apiregistration.k8s.io/apiservices', storedAs: 'json',
  nameFormat: apiServiceName,
  generationFields: [],
  default({ spec }) {
    if (spec?.service) spec.service.port ??= 443
  },
  prepareForCreate(service, { now }) {
    service.status = {}
    // What this server serves itself is there at once.
    if (!service.spec?.service) {
      service.status.conditions = [{
        type: 'Available', status: 'True', lastTransitionTime: formatTime(now), reason: 'Local',
        message: 'Local APIServices are always available',
      }]
    }
  },
  validate: validateAPIService,
  validateUpdate: validateAPIServiceUpdate,
  subresources: { status: statusSubresource({ keepsMetadata: true, validateUpdate: validateAPIServiceStatus }) },
  columns: [
    nameColumn(),
    text('Service', ({ spec }) => (spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local')),
    text('Available', availableText),
    ageColumn(),
  ],
})
