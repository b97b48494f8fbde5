/** Warns of pods whose SELinux labels cannot share a volume (upstream: pkg/controller/volume/selinuxwarning). */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { csiDrivers, persistentVolumeClaims, persistentVolumes, pods } from '../../api/generated/resources.ts'
import { isPodTerminal } from '../../api/helpers/pod-conditions.ts'
import type { Gauge, Labels } from '../../base/env.ts'
import { type KeyedContext, type KeyedController, watch } from '../../client/controller.ts'
import type { Informers } from '../../client/informer.ts'
import { defineIndex, type Index, keyOf, splitKey } from '../../client/lister.ts'
import { ownKey } from '../shared/owners.ts'
import { claimNamesOf } from '../shared/pod-claims.ts'
import { type Conflict, conflictMessage, VolumeUses } from './conflicts.ts'
import { labelsByVolume, usedVolume } from './volumes.ts'

const podsByClaim: Index<Pod> = defineIndex('claims of any pod', (pod) => claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`))
const usersOf = (informers: Informers, claim: string): string[] => informers.of(pods).by(podsByClaim, claim).map(keyOf)

export function seLinuxWarningController(): KeyedController {
  const uses = new VolumeUses()
  const reported = new Map<string, Labels>()
  return {
    name: 'selinux-warning-controller',
    workers: 1,
    watches: [
      watch(pods, ownKey, { changed: (pod, old) => pod.status?.phase !== old.status?.phase && isPodTerminal(pod) }),
      watch(persistentVolumeClaims, (claim, informers) => usersOf(informers, keyOf(claim)), {
        deleted: false, added: ({ spec }) => (spec?.volumeName ?? '') !== '',
        changed: (claim, old) => claim.spec?.volumeName !== old.spec?.volumeName || claim.status?.phase !== old.status?.phase,
      }),
      watch(persistentVolumes, ({ spec }, informers) => (spec?.claimRef?.uid ? usersOf(informers, `${spec.claimRef.namespace}/${spec.claimRef.name}`) : []), {
        deleted: false, changed: (volume, old) => volume.spec?.claimRef?.uid !== old.spec?.claimRef?.uid,
      }),
      watch(csiDrivers, ({ metadata }) => uses.podsOfDriver(metadata.name ?? ''), {
        changed: (driver, old) => driver.spec.seLinuxMount !== old.spec.seLinuxMount,
      }),
    ],
    async sync(key, context) {
      const pod = context.informers.of(pods).get(key)
      try {
        if (pod === undefined || isPodTerminal(pod)) uses.forget(key)
        else judge(key, pod, uses, context)
      } finally {
        tell(uses.conflicts(), reported, gaugeOf(context))
      }
    },
  }
}

function judge(key: string, pod: Pod, uses: VolumeUses, context: KeyedContext): void {
  const { informers } = context
  const recorder = context.recorder('selinux_warning')
  const errors: Error[] = []
  const labels = labelsByVolume(pod)
  for (const volume of pod.spec?.volumes ?? []) {
    const wanted = labels.get(volume.name)
    const used = usedVolume(volume, pod, informers)
    if (used instanceof Error) errors.push(used)
    if (used instanceof Error || used === null || wanted === undefined) continue
    if (wanted.size > 1) {
      recorder.event(pod, 'Warning', 'MultipleSELinuxLabels', `Volume ${JSON.stringify(volume.name)} is mounted twice with different SELinux labels inside this pod`)
      errors.push(new Error(`multiple SELinux labels found: ${[...wanted].join(',')}`))
      continue
    }
    const asked = pod.spec?.securityContext?.seLinuxChangePolicy ?? 'MountOption'
    const label = asked === 'Recursive' || !used.mountsWithLabel ? '' : [...wanted][0] ?? ''
    // Without a label to mount with, files are relabelled one by one.
    const policy = !used.mountsWithLabel || label === '' ? 'Recursive' : asked
    for (const conflict of uses.add(used, key, { label, policy })) {
      const about = informers.of(pods).get(conflict.pod)
      if (about !== undefined) recorder.event(about, 'Normal', `${conflict.property}Conflict`, conflictMessage(conflict))
    }
  }
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join(', '))
}

const gaugeOf = ({ env }: KeyedContext): Gauge => env.metrics.gauge(
  'selinux_warning_controller_selinux_volume_conflict', 'Conflict between two Pods using the same volume',
  ['property', 'pod1_namespace', 'pod1_name', 'pod1_value', 'pod2_namespace', 'pod2_name', 'pod2_value'],
)

/** Shows these conflicts and no others. */
function tell(conflicts: readonly Conflict[], reported: Map<string, Labels>, gauge: Gauge): void {
  const now = new Map(conflicts.map((one) => {
    const [pod, other] = [splitKey(one.pod), splitKey(one.otherPod)]
    const labels = {
      property: one.property, pod1_namespace: pod.namespace, pod1_name: pod.name, pod1_value: one.value,
      pod2_namespace: other.namespace, pod2_name: other.name, pod2_value: one.otherValue,
    }
    return [JSON.stringify(labels), labels] as const
  }))
  for (const [key, labels] of reported) {
    if (now.has(key)) continue
    gauge.remove(labels)
    reported.delete(key)
  }
  for (const [key, labels] of now) {
    gauge.set(1, labels)
    reported.set(key, labels)
  }
}
