import type { CronJob } from '../../../api/generated/types/batch-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const cronJobs = builtin<CronJob>({
  group: 'batch', version: 'v1', resource: 'cronjobs',
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
