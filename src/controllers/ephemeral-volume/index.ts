import type { PersistentVolumeClaim, Pod, Volume } from '../../api/generated/types/core-v1.ts'
import { persistentVolumeClaims, pods } from '../../api/generated/resources.ts'
import { isControlledBy, newControllerRef } from '../../api/meta/owner-references.ts'
import { watch } from '../../client/controller.ts'
import { keyOf } from '../../client/lister.ts'
import type { ControllerDefinition, Plan } from '../../client/reconcile.ts'
import { create, event } from '../../client/steps.ts'

interface Snapshot {
  readonly pod: Pod
  readonly claims: ReadonlyMap<string, PersistentVolumeClaim | undefined>
}

const ephemeralOf = ({ spec }: Pod): Volume[] => (spec?.volumes ?? []).filter(({ ephemeral }) => ephemeral !== undefined)
const claimName = (pod: Pod, volume: Volume): string => `${pod.metadata.name}-${volume.name}`

/** Claims of pods' own volumes are made with the pod, and go with it (upstream: pkg/controller/volume/ephemeral). */
export const ephemeralVolumeController: ControllerDefinition<Snapshot> = {
  name: 'ephemeral-volume-controller',
  component: 'ephemeral_volume',
  workers: 5,
  watches: [
    watch(pods, (pod) => (ephemeralOf(pod).length === 0 ? [] : [keyOf(pod)]), { deleted: false, changed: () => false }),
    // A claim that is gone is made again as long as the pod is to run.
    watch(persistentVolumeClaims, ({ metadata }) => {
      const owner = metadata.ownerReferences?.find(({ controller, kind }) => controller === true && kind === 'Pod')
      return owner === undefined ? [] : [`${metadata.namespace}/${owner.name}`]
    }, { added: () => false, changed: () => false }),
  ],
  snapshot(key, informers) {
    const pod = informers.of(pods).get(key)
    if (pod === undefined) return undefined
    const { namespace } = pod.metadata
    const claims = informers.of(persistentVolumeClaims)
    return { pod, claims: new Map(ephemeralOf(pod).map((volume) => [volume.name, claims.get({ namespace, name: claimName(pod, volume) })])) }
  },
  plan({ pod, claims }): Plan {
    if (pod.metadata.deletionTimestamp !== undefined) return { steps: [] }
    const steps = []
    for (const volume of ephemeralOf(pod)) {
      const found = claims.get(volume.name)
      if (found === undefined) {
        steps.push(create(persistentVolumeClaims, claimFor(pod, volume), {
          onError: (error) => [event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: create PVC ${claimName(pod, volume)}: ${error.message}`)],
        }))
      } else if (!isControlledBy(found, pod)) {
        const text = `PVC ${keyOf(found)} was not created for pod ${keyOf(pod)} (pod is not owner)`
        steps.push(event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${text}`))
        return { steps, error: new Error(`pod ${keyOf(pod)}, ephemeral volume ${volume.name}: ${text}`) }
      }
    }
    return { steps }
  },
  measure({ steps, outcome }, metrics) {
    const help = 'Number of PersistentVolumeClaim creation requests'
    const tried = steps.filter((step) => step.do === 'create').length - outcome.skipped
    if (tried <= 0) return
    metrics.counter('ephemeral_volume_controller_create_total', help).inc(undefined, tried)
    metrics.counter('ephemeral_volume_controller_create_failures_total', help).inc(undefined, outcome.errors.length)
  },
}

function claimFor(pod: Pod, volume: Volume): PersistentVolumeClaim {
  const { metadata, spec } = volume.ephemeral!.volumeClaimTemplate!
  return {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimName(pod, volume), namespace: pod.metadata.namespace, ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }), ownerReferences: [newControllerRef(pod, { apiVersion: 'v1', kind: 'Pod' })],
    },
    spec,
  }
}
