import type { Job } from '../../../api/generated/types/batch-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const jobs = builtin<Job>({
  group: 'batch', version: 'v1', resource: 'jobs',
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
