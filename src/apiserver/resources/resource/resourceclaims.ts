import type { ResourceClaim } from '../../../api/generated/types/resource-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { emptyStatus } from '../status.ts'
import { claimAsks, claimStatusAsks, dropDeallocated } from './claim-asks.ts'
import { validateClaim, validateClaimStatus, validateClaimUpdate } from './claim-validation.ts'
import { claimConversions } from './conversion.ts'
import { defaultDeviceClaim } from './requests.ts'

function stateText({ metadata, status }: ResourceClaim): string {
  const words: string[] = metadata.deletionTimestamp ? ['deleted'] : []
  if (status?.allocation !== undefined) {
    words.push('allocated')
    if (status.reservedFor?.length) words.push('reserved')
  } else if (words.length === 0) words.push('pending')
  return words.join(',')
}

export const resourceClaims = builtin<ResourceClaim>({
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaims',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: [],
  conversions: claimConversions,
  default: ({ spec }) => defaultDeviceClaim(spec?.devices),
  prepareForCreate: emptyStatus(),
  validate: (claim, { feature }) => validateClaim(claim, feature('DRAConsumableCapacity')),
  validateUpdate: validateClaimUpdate,
  asks: claimAsks,
  subresources: { status: statusSubresource({ keepsMetadata: true, prepareForUpdate: dropDeallocated, validateUpdate: validateClaimStatus, asks: claimStatusAsks }) },
  columns: [nameColumn(), text('State', stateText), ageColumn()],
})
