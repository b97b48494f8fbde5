import type { Pod } from '../../api/generated/types/core-v1.ts'

/** The names of the claims that a pod's volumes use, those made for the pod among them. */
export function claimNamesOf({ metadata, spec }: Pod): string[] {
  if (spec?.volumes === undefined) return []
  return spec.volumes.flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName]
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`]
  })
}
