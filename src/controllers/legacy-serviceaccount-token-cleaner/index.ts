/** Removes token secrets of old that nobody has used for a year (upstream: serviceaccount/legacy_serviceaccount_token_cleaner.go). */
import type { Pod, Secret, ServiceAccount } from '../../api/generated/types/core-v1.ts'
import { configMaps, pods, secrets, serviceAccounts } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { ControllerContext } from '../../client/controller.ts'
import type { Periodic } from '../../client/periodic.ts'

const dayMs = 86_400_000
const trackingName = 'kube-apiserver-legacy-service-account-token-tracking'
const lastUsedLabel = 'kubernetes.io/legacy-token-last-used'
const invalidLabel = 'kubernetes.io/legacy-token-invalid-since'

const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
/** A day as "2006-01-02" in ms, or undefined. */
function parseDay(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text) ? parseTime(`${text}T00:00:00Z`) : undefined
}

export interface TokenWorld {
  readonly account: (secret: Secret) => ServiceAccount | undefined
  readonly mounts: (namespace: string) => ReadonlySet<string>
  readonly now: number
  readonly unusedMs: number
}

/** What is to become of a token: marked as invalid first, deleted when it has been that for long. Pure. */
export function judgeToken(secret: Secret, { account, mounts, now, unusedMs }: TokenWorld): 'keep' | 'mark' | 'delete' {
  const { metadata, type } = secret
  const cutoff = now - unusedMs
  if (type !== 'kubernetes.io/service-account-token' || metadata.deletionTimestamp !== undefined) return 'keep'
  if ((parseTime(metadata.creationTimestamp ?? '') ?? now) >= cutoff) return 'keep'
  const used = metadata.labels?.[lastUsedLabel]
  if (used !== undefined && (parseDay(used) === undefined || used >= dateOf(cutoff))) return 'keep'
  // Only what was made for an account is ours; what somebody made by hand stays.
  if (account(secret)?.secrets?.some(({ name }) => name === metadata.name) !== true) return 'keep'
  if (mounts(metadata.namespace ?? '').has(metadata.name ?? '')) return 'keep'
  const since = metadata.labels?.[invalidLabel]
  if (parseDay(since) === undefined) return 'mark'
  return since! >= dateOf(cutoff) ? 'keep' : 'delete'
}

/** `unusedMs`: --legacy-service-account-token-clean-up-period. */
export function legacyTokenCleaner(unusedMs = 365 * dayMs): Periodic {
  return {
    name: 'legacy-serviceaccount-token-cleaner-controller',
    periodMs: dayMs,
    reads: [secrets, serviceAccounts, pods] as never[],
    sweep: (context, signal) => sweep(context, signal, unusedMs),
  }
}

async function sweep(context: ControllerContext, signal: AbortSignal, unusedMs: number): Promise<void> {
  const { client, env, informers } = context
  const now = env.clock.now()
  const tracking = await client.get(configMaps, { namespace: 'kube-system', name: trackingName }, { signal }).catch((error: unknown) => {
    if (!isStatus(error, 'NotFound')) throw error
  })
  // A new cluster's API server makes it only now: nothing is known of uses yet.
  if (tracking === undefined) return
  const since = parseDay(tracking.data?.['since'])
  if (since === undefined) throw new Error('the config map of token tracking does not say since when')
  // Uses are known from the day after that of which tracking speaks.
  if (now < since + dayMs + unusedMs) return
  const mounted = new Map<string, ReadonlySet<string>>()
  const world: TokenWorld = {
    now, unusedMs,
    account(secret) {
      const { 'kubernetes.io/service-account.name': name = '', 'kubernetes.io/service-account.uid': uid = '' } = secret.metadata.annotations ?? {}
      const found = informers.of(serviceAccounts).get({ namespace: secret.metadata.namespace, name })
      return found !== undefined && (uid === '' || uid === found.metadata.uid) ? found : undefined
    },
    mounts(namespace) {
      const known = mounted.get(namespace) ?? new Set(informers.of(pods).list(namespace).flatMap(secretNames))
      mounted.set(namespace, known)
      return known
    },
  }
  for (const secret of informers.of(secrets).list()) {
    const verdict = judgeToken(secret, world)
    const { namespace, name = '', uid, resourceVersion } = secret.metadata
    const key = { namespace, name }
    try {
      if (verdict === 'mark') await client.patch(secrets, key, 'merge', { metadata: { uid, labels: { [invalidLabel]: dateOf(now) } } }, { signal })
      if (verdict === 'delete') await client.delete(secrets, key, { preconditions: { resourceVersion }, signal })
    } catch (error) {
      signal.throwIfAborted()
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) env.log.warn('token could not be cleaned up', { ...key, error: String(error) })
    }
  }
}

/** The secrets that a pod names. */
function secretNames({ spec }: Pod): string[] {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? []), ...(spec?.ephemeralContainers ?? [])]
  const fromContainers = containers.flatMap(({ env = [], envFrom = [] }) => [
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name), ...envFrom.map(({ secretRef }) => secretRef?.name),
  ])
  const fromVolumes = (spec?.volumes ?? []).flatMap((volume) => [
    volume.secret?.secretName, ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name), volume.csi?.nodePublishSecretRef?.name,
    volume.cephfs?.secretRef?.name, volume.rbd?.secretRef?.name, volume.iscsi?.secretRef?.name, volume.flexVolume?.secretRef?.name,
    volume.scaleIO?.secretRef?.name, volume.storageos?.secretRef?.name, volume.azureFile?.secretName, volume.cinder?.secretRef?.name,
  ])
  const pulls = (spec?.imagePullSecrets ?? []).map(({ name }) => name)
  return [...pulls, ...fromContainers, ...fromVolumes].filter((name) => name !== undefined && name !== '') as string[]
}
