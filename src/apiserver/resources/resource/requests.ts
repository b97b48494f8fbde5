/** Defaults of device requests, wherever they stand. */
import type { DeviceClaim } from '../../../api/generated/types/resource-v1.ts'

interface Countable { allocationMode?: string; count?: number }

function defaultCount(request: Countable): void {
  request.allocationMode ||= 'ExactCount'
  if (request.allocationMode === 'ExactCount') request.count ||= 1
}

export function defaultDeviceClaim(devices: DeviceClaim | undefined): void {
  for (const request of devices?.requests ?? []) {
    if (request.exactly !== undefined) defaultCount(request.exactly)
    for (const alternative of request.firstAvailable ?? []) defaultCount(alternative)
    for (const toleration of [...request.exactly?.tolerations ?? [], ...(request.firstAvailable ?? []).flatMap((r) => r.tolerations ?? [])]) {
      toleration.operator ||= 'Equal'
    }
  }
}
