/**
 * Which objects a node needs for its pods: every pod, attachment and slice holds references to objects on behalf of a
 * node; a reference counts as long as one of its holders is there (upstream: plugin/pkg/auth/authorizer/node/graph.go).
 */
import type { Container, PersistentVolume, Pod, Volume } from '../../../api/generated/types/core-v1.ts'

export type GraphKind =
  | 'pod' | 'secret' | 'configmap' | 'pvc' | 'pv' | 'serviceaccount' | 'resourceclaim' | 'volumeattachment'
  | 'resourceslice' | 'podcertificaterequest'

const mirrorAnnotation = 'kubernetes.io/config.mirror'
const keyOf = (kind: GraphKind, namespace: string, name: string): string => `${kind}/${namespace}/${name}`

export class NodeGraph {
  /** Object -> node -> number of holders. */
  readonly #nodes = new Map<string, Map<string, number>>()
  /** Holder -> what it references, to take it back. */
  readonly #holders = new Map<string, { node: string; objects: readonly string[] }>()
  /** Claim -> volume, and secret -> volumes, for what nodes reach through a claim. */
  readonly #claimOfVolume = new Map<string, string>()
  readonly #volumesOfSecret = new Map<string, Set<string>>()
  readonly #secretsOfVolume = new Map<string, readonly string[]>()

  /** Whether the node has a reason to see the object. */
  reaches(node: string, kind: GraphKind, namespace: string, name: string): boolean {
    if (this.#has(node, keyOf(kind, namespace, name))) return true
    if (kind === 'pv') return this.#volumeReached(node, name)
    if (kind !== 'secret') return false
    for (const volume of this.#volumesOfSecret.get(`${namespace}/${name}`) ?? []) if (this.#volumeReached(node, volume)) return true
    return false
  }

  #has(node: string, key: string): boolean {
    return this.#nodes.get(key)?.has(node) ?? false
  }

  #volumeReached(node: string, volume: string): boolean {
    const claim = this.#claimOfVolume.get(volume)
    return claim !== undefined && this.#has(node, `pvc/${claim}`)
  }

  setPod(pod: Pod): void {
    const namespace = pod.metadata?.namespace ?? ''
    const name = pod.metadata?.name ?? ''
    const node = pod.spec?.nodeName ?? ''
    const holder = keyOf('pod', namespace, name)
    if (node === '') this.#release(holder)
    else this.#hold(holder, node, [holder, ...podReferences(pod)])
  }

  removePod(pod: Pod): void {
    this.#release(keyOf('pod', pod.metadata?.namespace ?? '', pod.metadata?.name ?? ''))
  }

  /** Objects that name their node themselves: attachments, slices, certificate requests. */
  setOwned(kind: GraphKind, namespace: string, name: string, node: string): void {
    const key = keyOf(kind, namespace, name)
    if (node === '') this.#release(key)
    else this.#hold(key, node, [key])
  }

  removeOwned(kind: GraphKind, namespace: string, name: string): void {
    this.#release(keyOf(kind, namespace, name))
  }

  setVolume(volume: PersistentVolume): void {
    const name = volume.metadata?.name ?? ''
    this.removeVolume(name)
    const claim = volume.spec?.claimRef
    if (claim === undefined) return
    this.#claimOfVolume.set(name, `${claim.namespace}/${claim.name}`)
    const secrets = volumeSecrets(volume)
    this.#secretsOfVolume.set(name, secrets)
    for (const secret of secrets) {
      const volumes = this.#volumesOfSecret.get(secret) ?? new Set()
      this.#volumesOfSecret.set(secret, volumes.add(name))
    }
  }

  removeVolume(name: string): void {
    this.#claimOfVolume.delete(name)
    for (const secret of this.#secretsOfVolume.get(name) ?? []) {
      const volumes = this.#volumesOfSecret.get(secret)
      volumes?.delete(name)
      if (volumes?.size === 0) this.#volumesOfSecret.delete(secret)
    }
    this.#secretsOfVolume.delete(name)
  }

  #hold(holder: string, node: string, objects: readonly string[]): void {
    this.#release(holder)
    this.#holders.set(holder, { node, objects })
    for (const object of objects) {
      let nodes = this.#nodes.get(object)
      if (nodes === undefined) this.#nodes.set(object, (nodes = new Map()))
      nodes.set(node, (nodes.get(node) ?? 0) + 1)
    }
  }

  #release(holder: string): void {
    const held = this.#holders.get(holder)
    if (held === undefined) return
    this.#holders.delete(holder)
    for (const object of held.objects) {
      const nodes = this.#nodes.get(object)
      const count = (nodes?.get(held.node) ?? 0) - 1
      if (count > 0) nodes!.set(held.node, count)
      else nodes?.delete(held.node)
      if (nodes?.size === 0) this.#nodes.delete(object)
    }
  }
}

/** Everything that a kubelet must read to run the pod. A mirror pod grants nothing: its node wrote it itself. */
export function podReferences(pod: Pod): string[] {
  if (pod.metadata?.annotations?.[mirrorAnnotation] !== undefined) return []
  const namespace = pod.metadata?.namespace ?? ''
  const spec = pod.spec
  const found = new Set<string>()
  const add = (kind: GraphKind, name: string | undefined) => {
    if (name !== undefined && name !== '') found.add(keyOf(kind, namespace, name))
  }
  add('serviceaccount', spec?.serviceAccountName)
  for (const secret of spec?.imagePullSecrets ?? []) add('secret', secret.name)
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...((spec?.ephemeralContainers ?? []) as Container[])]
  for (const container of containers) {
    for (const source of container.envFrom ?? []) {
      add('secret', source.secretRef?.name)
      add('configmap', source.configMapRef?.name)
    }
    for (const variable of container.env ?? []) {
      add('secret', variable.valueFrom?.secretKeyRef?.name)
      add('configmap', variable.valueFrom?.configMapKeyRef?.name)
    }
  }
  for (const volume of spec?.volumes ?? []) addVolume(volume, pod.metadata?.name ?? '', add)
  const statuses = pod.status?.resourceClaimStatuses ?? []
  for (const claim of spec?.resourceClaims ?? []) {
    add('resourceclaim', claim.resourceClaimName ?? statuses.find((s) => s.name === claim.name)?.resourceClaimName)
  }
  add('resourceclaim', pod.status?.extendedResourceClaimStatus?.resourceClaimName)
  return [...found]
}

function addVolume(volume: Volume, podName: string, add: (kind: GraphKind, name: string | undefined) => void): void {
  add('secret', volume.secret?.secretName)
  add('configmap', volume.configMap?.name)
  for (const source of volume.projected?.sources ?? []) {
    add('secret', source.secret?.name)
    add('configmap', source.configMap?.name)
  }
  add('pvc', volume.persistentVolumeClaim?.claimName)
  if (volume.ephemeral !== undefined) add('pvc', `${podName}-${volume.name}`)
  add('secret', volume.azureFile?.secretName)
  for (const source of [volume.cephfs, volume.cinder, volume.flexVolume, volume.rbd, volume.scaleIO, volume.iscsi, volume.storageos]) {
    add('secret', source?.secretRef?.name)
  }
  add('secret', volume.csi?.nodePublishSecretRef?.name)
}

/** "namespace/name" of the secrets that a node needs to mount the volume. */
function volumeSecrets(volume: PersistentVolume): string[] {
  const spec = volume.spec
  const home = spec?.claimRef?.namespace ?? ''
  const found: string[] = []
  const add = (ref: { name?: string; namespace?: string } | undefined) => {
    if (ref?.name !== undefined && ref.name !== '') found.push(`${ref.namespace ?? home}/${ref.name}`)
  }
  if (spec?.azureFile !== undefined) add({ name: spec.azureFile.secretName, namespace: spec.azureFile.secretNamespace })
  for (const source of [spec?.cephfs, spec?.cinder, spec?.flexVolume, spec?.rbd, spec?.scaleIO, spec?.iscsi, spec?.storageos]) add(source?.secretRef)
  for (const ref of [spec?.csi?.nodePublishSecretRef, spec?.csi?.nodeStageSecretRef, spec?.csi?.nodeExpandSecretRef]) add(ref)
  return found
}
