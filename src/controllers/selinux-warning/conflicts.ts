/** Who uses which volume with which SELinux label, and who stands in whose way (upstream: selinuxwarning/cache). */
import type { UsedVolume } from './volumes.ts'
import { labelsConflict } from './volumes.ts'

export interface Use {
  readonly label: string
  readonly policy: string
}

/** One direction of a conflict: each has a twin for the other pod. */
export interface Conflict {
  readonly property: 'SELinuxLabel' | 'SELinuxChangePolicy'
  readonly pod: string
  readonly value: string
  readonly otherPod: string
  readonly otherValue: string
}

interface Entry {
  readonly driver: string
  readonly uses: Map<string, Use>
  conflicts: readonly Conflict[]
}

export class VolumeUses {
  readonly #volumes = new Map<string, Entry>()
  readonly #ofPod = new Map<string, Set<string>>()

  /** Notes that the pod uses the volume so; answers the conflicts that are new. */
  add(volume: UsedVolume, pod: string, use: Use): readonly Conflict[] {
    const entry: Entry = this.#volumes.get(volume.name) ?? { driver: volume.driver, uses: new Map(), conflicts: [] }
    this.#volumes.set(volume.name, entry)
    const known = entry.uses.get(pod)
    if (known?.label === use.label && known.policy === use.policy) return []
    entry.uses.set(pod, use)
    this.#ofPod.set(pod, (this.#ofPod.get(pod) ?? new Set()).add(volume.name))
    const fresh = [...entry.uses].filter(([other]) => other !== pod).flatMap(([other, theirs]) => [
      ...(use.policy === theirs.policy ? [] : pair('SELinuxChangePolicy', pod, use.policy, other, theirs.policy)),
      ...(labelsConflict(use.label, theirs.label) ? pair('SELinuxLabel', pod, use.label, other, theirs.label) : []),
    ])
    entry.conflicts = [...entry.conflicts.filter((one) => one.pod !== pod && one.otherPod !== pod), ...fresh]
    return fresh
  }

  forget(pod: string): void {
    for (const name of this.#ofPod.get(pod) ?? []) {
      const entry = this.#volumes.get(name)
      entry?.uses.delete(pod)
      if (entry?.uses.size === 0) this.#volumes.delete(name)
      else if (entry !== undefined) entry.conflicts = entry.conflicts.filter((one) => one.pod !== pod && one.otherPod !== pod)
    }
    this.#ofPod.delete(pod)
  }

  podsOfDriver(driver: string): string[] {
    return [...this.#volumes.values()].filter((entry) => entry.driver === driver).flatMap(({ uses }) => [...uses.keys()])
  }

  conflicts(): Conflict[] {
    return [...this.#volumes.values()].flatMap(({ conflicts }) => conflicts)
  }
}

function pair(property: Conflict['property'], pod: string, value: string, otherPod: string, otherValue: string): Conflict[] {
  return [{ property, pod, value, otherPod, otherValue }, { property, pod: otherPod, value: otherValue, otherPod: pod, otherValue: value }]
}

/** What the pod is told. Of pods in other namespaces nothing is revealed. */
export function conflictMessage({ property, pod, value, otherPod, otherValue }: Conflict): string {
  const [namespace, other] = [pod, otherPod].map((key) => key.slice(0, key.indexOf('/')))
  const end = 'If both pods land on the same node, only one of them may access the volume.'
  if (namespace !== other) {
    return `${property}"${value}" conflicts with another pod that uses the same volume as this pod with a different ${property}. ${end}`
  }
  return `${property} "${value}" conflicts with pod ${otherPod.slice(other!.length + 1)} that uses the same volume as this pod with ${property} "${otherValue}". ${end}`
}
