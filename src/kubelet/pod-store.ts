/** The pods that this node is to run, by UID and name, and the mirrors that show static pods. Upstream: pkg/kubelet/pod. */
import type { Pod } from '../api/generated/types/core-v1.ts'
import { isMirrorPod, podFullName, podUid } from './pod.ts'

export interface PodStore {
  set(pod: Pod): void
  delete(pod: Pod): void
  get(uid: string): Pod | undefined
  byName(namespace: string, name: string): Pod | undefined
  /** Without mirrors. */
  list(): Pod[]
  mirrorOf(pod: Pod): Pod | undefined
  mirrors(): Pod[]
  /** What the API server has for a pod that runs here: itself, or its mirror. */
  apiPod(uid: string): Pod | undefined
}

export function createPodStore(): PodStore {
  const pods = new Map<string, Pod>()
  const byName = new Map<string, Pod>()
  const mirrors = new Map<string, Pod>()
  return {
    set(pod) {
      if (isMirrorPod(pod)) return void mirrors.set(podFullName(pod), pod)
      pods.set(podUid(pod), pod)
      byName.set(podFullName(pod), pod)
    },
    delete(pod) {
      const name = podFullName(pod)
      if (isMirrorPod(pod)) return void mirrors.delete(name)
      pods.delete(podUid(pod))
      if (byName.get(name) !== undefined && podUid(byName.get(name)!) === podUid(pod)) byName.delete(name)
    },
    get: (uid) => pods.get(uid),
    byName: (namespace, name) => byName.get(`${name}_${namespace}`),
    list: () => [...pods.values()],
    mirrorOf: (pod) => mirrors.get(podFullName(pod)),
    mirrors: () => [...mirrors.values()],
    apiPod(uid) {
      const pod = pods.get(uid)
      if (pod === undefined) return undefined
      return mirrors.get(podFullName(pod)) ?? (pod.metadata.resourceVersion === undefined ? undefined : pod)
    },
  }
}
