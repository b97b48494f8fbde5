/** What a pod refers to by name. */
import type { Pod, Volume } from '../../api/generated/types/core-v1.ts'

export const mirrorAnnotation = 'kubernetes.io/config.mirror'

export const isMirrorPod = (pod: Pod): boolean => pod.metadata.annotations?.[mirrorAnnotation] !== undefined

function volumeSecrets(volume: Volume): (string | undefined)[] {
  return [
    volume.secret?.secretName, volume.azureFile?.secretName, volume.cephfs?.secretRef?.name, volume.cinder?.secretRef?.name,
    volume.flexVolume?.secretRef?.name, volume.rbd?.secretRef?.name, volume.scaleIO?.secretRef?.name,
    volume.iscsi?.secretRef?.name, volume.storageos?.secretRef?.name, volume.csi?.nodePublishSecretRef?.name,
    ...(volume.projected?.sources ?? []).map((s) => s.secret?.name),
  ]
}

/** Names of the secrets that a pod uses, anywhere. */
export function podSecretNames({ spec }: Pod): string[] {
  const names = [
    ...(spec?.imagePullSecrets ?? []).map((s) => s.name),
    ...[...spec?.containers ?? [], ...spec?.initContainers ?? [], ...spec?.ephemeralContainers ?? []].flatMap((c) => [
      ...(c.envFrom ?? []).map((e) => e.secretRef?.name), ...(c.env ?? []).map((e) => e.valueFrom?.secretKeyRef?.name),
    ]),
    ...(spec?.volumes ?? []).flatMap(volumeSecrets),
  ]
  return [...new Set(names.filter((name) => name !== undefined && name !== ''))] as string[]
}

function usesConfigMaps({ spec }: Pod): boolean {
  const containers = [...spec?.containers ?? [], ...spec?.initContainers ?? [], ...spec?.ephemeralContainers ?? []]
  return containers.some((c) => c.envFrom?.some((e) => e.configMapRef?.name) || c.env?.some((e) => e.valueFrom?.configMapKeyRef?.name))
    || (spec?.volumes ?? []).some((v) => v.configMap?.name || v.projected?.sources?.some((s) => s.configMap?.name))
}

/** What kind of API object a static pod refers to, which it must not; undefined when none. */
export function apiReference(pod: Pod): string | undefined {
  const { spec } = pod
  if (podSecretNames(pod).length > 0) return 'secrets'
  if (usesConfigMaps(pod)) return 'configmaps'
  if (spec?.serviceAccountName) return 'serviceaccounts'
  const volumes = spec?.volumes ?? []
  if (volumes.some((v) => v.projected?.sources?.some((s) => s.clusterTrustBundle))) return 'clustertrustbundles'
  if (volumes.some((v) => v.projected?.sources?.some((s) => s.podCertificate))) return 'podcertificates'
  if (volumes.some((v) => v.csi)) return 'csidrivers'
  if (volumes.some((v) => v.persistentVolumeClaim || v.ephemeral)) return 'persistentvolumeclaims'
  return spec?.resourceClaims?.length ? 'resourceclaims' : undefined
}
