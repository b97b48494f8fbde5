/**
 * Trust anchors of ClusterTrustBundles for projected volumes. The bundles are watched from the first time that a pod asks
 * for one, in the newest version that the API server has. Upstream: pkg/kubelet/clustertrustbundle.
 */
import { createHash } from 'node:crypto'
import type { Env } from '../../base/env.ts'
import { pemBlocks, pemText } from '../../api/meta/pem.ts'
import type { ClusterTrustBundleProjection } from '../../api/generated/types/core-v1.ts'
import type { ClusterTrustBundle } from '../../api/generated/types/certificates-v1beta1.ts'
import { clusterTrustBundles, clusterTrustBundlesV1Alpha1 } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { selectorFromObject } from '../../api/meta/label-selector.ts'
import type { Resource } from '../../api/meta/object.ts'
import type { Client } from '../../client/client.ts'
import { SharedInformer } from '../../client/informer.ts'

/** The anchors that a projection names, as PEM. Rejects with upstream's text when there are none and they are not optional. */
export type TrustAnchors = (source: ClusterTrustBundleProjection) => Promise<string>

/** For a kubelet without API server, or with the feature gate ClusterTrustBundleProjection off. */
export const noTrustAnchors: TrustAnchors = async () => {
  throw new Error('ClusterTrustBundle projection is not supported in static kubelet mode')
}

const syncLimitMs = 10_000
const maxSelectorLength = 100 * 1024

/** Follows bundles through the client once anchors are asked for. */
export function createTrustAnchors(env: Env, client: Client): TrustAnchors {
  let informer: Promise<SharedInformer<ClusterTrustBundle> | undefined> | undefined
  /** Anchors come in an order that no pod should rely on: another one each time the kubelet starts. */
  const salt = env.random.bytes(16)

  async function follow(): Promise<SharedInformer<ClusterTrustBundle> | undefined> {
    for (const resource of [clusterTrustBundles, clusterTrustBundlesV1Alpha1 as unknown as Resource<ClusterTrustBundle>]) {
      const served = await client.list(resource, { limit: 1 }).then(() => true, (error: unknown) => {
        if (isStatus(error, 'NotFound')) return false
        throw new Error(`failed to ensure informer manager for ClusterTrustBundles: failed to determine which informer manager to choose: ${(error as Error).message}`, { cause: error })
      })
      if (!served) continue
      const made = new SharedInformer<ClusterTrustBundle>(env, resource)
      env.tasks.go('watch cluster trust bundles', (signal) => made.run(client, signal))
      await Promise.race([made.synced, env.clock.sleep(syncLimitMs)])
      return made
    }
    return undefined
  }

  return async (source) => {
    informer ??= follow()
    // An API server that did not answer is asked again by the next one.
    informer.catch(() => (informer = undefined))
    const bundles = await informer
    if (bundles === undefined) return noTrustAnchors(source)
    if (!bundles.hasSynced) throw new Error('ClusterTrustBundle informer has not yet synced')
    return anchorsOf(bundles.list(), source, salt)
  }
}

/** Picks and merges. Pure. Throws Error with upstream's text. */
export function anchorsOf(bundles: readonly ClusterTrustBundle[], source: ClusterTrustBundleProjection, salt: Uint8Array): string {
  const { name, signerName, optional = false } = source
  if (name !== undefined) {
    const found = bundles.find(({ metadata }) => metadata.name === name)
    if (found === undefined && !optional) throw new Error(`while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io ${JSON.stringify(name)} not found`)
    return found === undefined ? '' : merged([found], salt)
  }
  if (signerName === undefined) throw new Error('ClusterTrustBundle projection requires either name or signerName to be set')
  // Without a selector nothing is meant, with an empty one everything.
  const selector = selectorFromObject(source.labelSelector)
  const length = String(selector).length
  if (length > maxSelectorLength) throw new Error(`label selector length (${length}) is larger than ${maxSelectorLength}`)
  const own = bundles.filter(({ metadata, spec }) => spec.signerName === signerName && selector.matches(metadata.labels ?? {}))
  if (own.length === 0 && !optional) throw new Error('combination of signerName and labelSelector matched zero ClusterTrustBundles')
  return merged(own, salt)
}

/** Each anchor once. */
function merged(bundles: readonly ClusterTrustBundle[], salt: Uint8Array): string {
  const anchors = new Map<string, Buffer>()
  for (const { spec } of bundles) {
    for (const { bytes } of pemBlocks(spec.trustBundle)) anchors.set(createHash('sha256').update(salt).update(bytes).digest('hex'), bytes)
  }
  return [...anchors].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bytes]) => pemText('CERTIFICATE', bytes)).join('')
}
