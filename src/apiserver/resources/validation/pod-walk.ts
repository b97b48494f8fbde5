import type { Container, EphemeralContainer, PodSpec } from '../../../api/generated/types/core-v1.ts'

/** Every container of a pod with its path: init containers, containers, ephemeral ones. */
export function forEachContainer(path: string, spec: PodSpec, visit: (container: Container | EphemeralContainer, path: string) => void): void {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [i, container] of (spec[list] ?? []).entries()) visit(container, `${path}.${list}[${i}]`)
  }
}
