/** Pods run as a service account: its token is mounted, its pull secrets are used (upstream: ServiceAccount plugin). */
import { serviceAccounts } from '../../../api/generated/resources.ts'
import type {
  Container, EphemeralContainer, Pod, PodSpec, ServiceAccount, Volume, VolumeMount,
} from '../../../api/generated/types/core-v1.ts'
import { isStatus } from '../../../api/meta/errors.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, isOperation, objectOf, refuse, type PluginContext } from '../context.ts'
import { isMirrorPod, podSecretNames } from '../pod-references.ts'

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
const volumePrefix = 'kube-api-access-'
/** An hour and seven seconds: tells tokens that older clients may use past their hour from others. */
const tokenSeconds = 3607
const enforceAnnotation = 'kubernetes.io/enforce-mountable-secrets'
const suffixCharacters = 'bcdfghjklmnpqrstvwxz2456789'

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: tokenSeconds } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  }
}

function mountToken(spec: PodSpec, suffix: () => string): void {
  const existing = spec.volumes?.find((v) => v.name.startsWith(volumePrefix))?.name
  const name = existing ?? volumePrefix + suffix()
  const mount: VolumeMount = { name, readOnly: true, mountPath }
  let mounted = false
  for (const container of [...spec.initContainers ?? [], ...spec.containers ?? []]) {
    if (container.volumeMounts?.some((m) => m.mountPath === mountPath)) continue
    container.volumeMounts = [...container.volumeMounts ?? [], { ...mount }]
    mounted = true
  }
  if (existing === undefined && mounted) spec.volumes = [...spec.volumes ?? [], tokenVolume(name)]
}

function checkMirrorPod(a: Attributes, pod: Pod): void {
  if (pod.spec?.serviceAccountName) throw refuse(a, 'a mirror pod may not reference service accounts')
  if (podSecretNames(pod).length > 0) throw refuse(a, 'a mirror pod may not reference secrets')
  if (pod.spec?.volumes?.some((v) => v.projected?.sources?.some((s) => s.serviceAccountToken !== undefined))) {
    throw refuse(a, 'a mirror pod may not use ServiceAccountToken volume projections')
  }
}

/** Why a container of an account with enforced secrets may not have its environment. */
function secretOfContainer(
  kind: string, container: Container | EphemeralContainer, allowed: ReadonlySet<string>, account: string,
): string | undefined {
  const suffix = (name: string): string =>
    `referencing secret.secretName="${name}" is not allowed because service account ${account} does not reference that secret`
  for (const { name, valueFrom } of container.env ?? []) {
    const secret = valueFrom?.secretKeyRef?.name
    if (secret !== undefined && !allowed.has(secret)) return `${kind} ${container.name} with envVar ${name} ${suffix(secret)}`
  }
  for (const { secretRef } of container.envFrom ?? []) {
    if (secretRef !== undefined && !allowed.has(secretRef.name ?? '')) return `${kind} ${container.name} with envFrom ${suffix(secretRef.name ?? '')}`
  }
  return undefined
}

function forbiddenSecret(spec: PodSpec, account: ServiceAccount): string | undefined {
  const name = account.metadata.name ?? ''
  const allowed = new Set((account.secrets ?? []).map((s) => s.name ?? ''))
  for (const { secret } of spec.volumes ?? []) {
    if (secret !== undefined && !allowed.has(secret.secretName ?? '')) {
      return `volume with secret.secretName="${secret.secretName}" is not allowed because service account ${name} does not reference that secret`
    }
  }
  for (const container of spec.initContainers ?? []) {
    const why = secretOfContainer('init container', container, allowed, name)
    if (why !== undefined) return why
  }
  for (const container of spec.containers ?? []) {
    const why = secretOfContainer('container', container, allowed, name)
    if (why !== undefined) return why
  }
  const pull = new Set((account.imagePullSecrets ?? []).map((s) => s.name ?? ''))
  for (const [i, ref] of (spec.imagePullSecrets ?? []).entries()) {
    if (!pull.has(ref.name ?? '')) {
      return `imagePullSecrets[${i}].name="${ref.name}" is not allowed because service account ${name} does not reference that imagePullSecret`
    }
  }
  return undefined
}

const enforcesSecrets = (account: ServiceAccount): boolean =>
  ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(account.metadata.annotations?.[enforceAnnotation] ?? '')

function shouldMount(account: ServiceAccount, spec: PodSpec): boolean {
  return spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true
}

export function serviceAccount({ lister, client, clock, random }: PluginContext): AdmissionPlugin {
  /** The account that a new namespace gets is on its way: it is waited for a second or two. */
  async function account(a: Attributes, name: string): Promise<ServiceAccount> {
    const cached = lister.get(serviceAccounts, a.namespace, name)
    if (cached !== undefined) return cached
    const attempts = name === 'default' ? 10 : 1
    const interval = 100 + random.int(100)
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) await clock.sleep(interval)
      try {
        return await client.get(serviceAccounts, { namespace: a.namespace, name })
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error
      }
    }
    throw refuse(a, `error looking up service account ${a.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`)
  }

  const suffix = (): string => Array.from({ length: 5 }, () => suffixCharacters[random.int(suffixCharacters.length)]).join('')

  return {
    name: 'ServiceAccount',
    handles: (a) => (isFor(a, '', 'pods') && a.operation === 'CREATE')
      || (isFor(a, '', 'pods', 'ephemeralcontainers') && a.operation === 'UPDATE'),
    async admit(a) {
      if (!isOperation(a, 'CREATE')) return
      const pod = objectOf<Pod>(a)
      const spec = pod.spec!
      if (isMirrorPod(pod)) {
        checkMirrorPod(a, pod)
        return
      }
      spec.serviceAccountName ||= 'default'
      spec.serviceAccount = spec.serviceAccountName
      const used = await account(a, spec.serviceAccountName)
      if (shouldMount(used, spec)) mountToken(spec, suffix)
      if (!spec.imagePullSecrets?.length && used.imagePullSecrets?.length) {
        spec.imagePullSecrets = used.imagePullSecrets.map(({ name }) => ({ name }))
      }
    },
    async validate(a) {
      const pod = objectOf<Pod>(a)
      const spec = pod.spec!
      if (a.operation === 'CREATE' && isMirrorPod(pod)) {
        checkMirrorPod(a, pod)
        return
      }
      if (!spec.serviceAccountName) throw refuse(a, `no service account specified for pod ${a.namespace}/${pod.metadata.name ?? ''}`)
      const used = await account(a, spec.serviceAccountName)
      if (!enforcesSecrets(used)) return
      const allowed = new Set((used.secrets ?? []).map((s) => s.name ?? ''))
      const why = a.operation === 'CREATE' ? forbiddenSecret(spec, used)
        : (spec.ephemeralContainers ?? [])
          .map((c) => secretOfContainer('ephemeral container', c, allowed, used.metadata.name ?? '')).find((w) => w !== undefined)
      if (why !== undefined) throw refuse(a, why)
    },
  }
}
