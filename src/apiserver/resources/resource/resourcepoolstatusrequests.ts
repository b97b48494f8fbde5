import type { ResourcePoolStatusRequest } from '../../../api/generated/types/resource-v1alpha3.ts'
import { isConditionTrue, findCondition } from '../../../api/meta/conditions.ts'
import { ageOf } from '../../../api/meta/time.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { integer, nameColumn, text } from '../columns.ts'
import type { Column } from '../define.ts'
import { declaredErrors } from '../validation/declared.ts'

const definition = 'resource.v1alpha3.ResourcePoolStatusRequest'

type Request = ResourcePoolStatusRequest
type Pool = NonNullable<NonNullable<Request['status']>['pools']>[number]

const failed = (o: Request): boolean =>
  !isConditionTrue(o.status?.conditions, 'Complete') && isConditionTrue(o.status?.conditions, 'Failed')

/** A sum over the pools, "-" while there is nothing to sum. */
function sum(name: string, value: (pool: Pool) => number): Column<Request> {
  return text(name, (o) => (o.status === undefined || failed(o) ? '-'
    : String((o.status.pools ?? []).reduce((total, pool) => total + value(pool), 0))))
}

function stateText(o: Request): string {
  if (failed(o)) return 'Failed'
  if (!isConditionTrue(o.status?.conditions, 'Complete')) return 'Pending'
  const { poolCount = 0, pools = [] } = o.status ?? {}
  return poolCount > pools.length ? `Complete (${pools.length}/${poolCount} pools)` : 'Complete'
}

function completedText(o: Request, now: Date): string {
  const complete = findCondition(o.status?.conditions, 'Complete')
  return complete?.status === 'True' ? ageOf(complete.lastTransitionTime, now) : '<none>'
}

export const resourcePoolStatusRequests = builtin<Request>({
  group: 'resource.k8s.io', version: 'v1alpha3', resource: 'resourcepoolstatusrequests',
  returnDeletedObject: true,
  generationFields: [],
  default({ spec }) {
    if (spec !== undefined) spec.limit ??= 100
  },
  prepareForCreate(request) {
    delete request.status
  },
  validate: (request, context) => declaredErrors(definition, request, undefined, context),
  validateUpdate: (request, old, context) => declaredErrors(definition, request, old, context),
  subresources: { status: statusSubresource<Request>({ keepsMetadata: true, validateUpdate: (request, old, context) => declaredErrors(definition, request, old, context) }) },
  columns: [
    nameColumn(),
    text('Driver', (o) => o.spec.driver),
    sum('Total', (p) => p.totalDevices ?? 0),
    sum('Available', (p) => p.availableDevices ?? 0),
    sum('Allocated', (p) => p.allocatedDevices ?? 0),
    sum('Unavailable', (p) => p.unavailableDevices ?? 0),
    sum('Errors', (p) => (p.validationError === undefined ? 0 : 1)),
    integer('Pools', (o) => o.status?.poolCount ?? 0),
    text('Status', stateText),
    text('Completed', completedText),
  ],
})
