/** Files of one volume that would be written over each other (upstream: pkg/api/pod warningsForOverlappingVirtualPaths). */
import type { Volume, VolumeProjection } from '../../../api/generated/types/core-v1.ts'

interface Place {
  readonly path: string
  readonly source: string
}

const shown = ({ path, source }: Place): string => (source === '' ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`)
const trimmed = (path: string | undefined): string => (path ?? '').replace(/\/+$/, '')
const placesOf = (items: readonly { readonly path: string }[] | undefined, source = ''): Place[] => (items ?? []).map(({ path }) => ({ path: trimmed(path), source }))

/** Each place with those before it that it is the same as, within, or around. */
function overlaps(places: readonly Place[]): string[] {
  return places.flatMap((place, i) => (place.path === '' ? [] : places.slice(0, i)
    .filter(({ path }) => path !== '' && (`${path}/`.startsWith(`${place.path}/`) || `${place.path}/`.startsWith(`${path}/`)))
    .map((other) => `${shown(place)} with ${shown(other)}`)))
}

export function* overlapWarnings(volumes: readonly Volume[]): Generator<string> {
  for (const { name, configMap, secret, downwardAPI, projected } of volumes) {
    const warn = (what: string, body: string): string => `volume ${JSON.stringify(name)} (${what}): overlapping paths: ${body}`
    for (const body of overlaps(placesOf(configMap?.items))) yield warn(`ConfigMap ${JSON.stringify(configMap!.name ?? '')}`, body)
    for (const body of overlaps(placesOf(secret?.items))) yield warn(`Secret ${JSON.stringify(secret!.secretName ?? '')}`, body)
    for (const body of overlaps(placesOf(downwardAPI?.items))) yield warn('DownwardAPI', body)
    for (const source of projected?.sources ?? []) {
      if (Object.values(source).every((value) => value === undefined || value === null)) yield `volume ${JSON.stringify(name)} (Projected) has no sources provided`
    }
    for (const body of overlaps((projected?.sources ?? []).flatMap(projectedPlaces))) yield warn('Projected', body)
  }
}

function projectedPlaces({ configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate }: VolumeProjection): Place[] {
  if (configMap?.items) return placesOf(configMap.items, `ConfigMap ${JSON.stringify(configMap.name ?? '')}`)
  if (secret?.items) return placesOf(secret.items, `Secret ${JSON.stringify(secret.name ?? '')}`)
  if (downwardAPI?.items) return placesOf(downwardAPI.items, 'DownwardAPI')
  if (serviceAccountToken) return placesOf([serviceAccountToken], 'ServiceAccountToken')
  if (clusterTrustBundle) return placesOf([clusterTrustBundle], `ClusterTrustBundle ${JSON.stringify(clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? '')}`)
  const { certificateChainPath, keyPath, credentialBundlePath } = podCertificate ?? {}
  const files = [[certificateChainPath, 'chain'], [keyPath, 'key'], [credentialBundlePath, 'credential bundle']] as const
  return files.filter(([path]) => path).map(([path, what]) => ({ path: trimmed(path), source: `PodCertificate ${what}` }))
}
