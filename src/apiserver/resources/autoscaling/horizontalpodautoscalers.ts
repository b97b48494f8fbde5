import type { HorizontalPodAutoscaler } from '../../../api/generated/types/autoscaling-v2.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const horizontalPodAutoscalers = builtin<HorizontalPodAutoscaler>({
  group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers',
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
