/** A pod of a runtime class gets its overhead and goes where the runtime is. */
import { runtimeClasses } from '../../../api/generated/resources.ts'
import type { Pod, Toleration } from '../../../api/generated/types/core-v1.ts'
import type { RuntimeClass } from '../../../api/generated/types/node-v1.ts'
import { isStatus } from '../../../api/meta/errors.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, objectOf, refuse, same, type PluginContext } from '../context.ts'

const mismatch = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"

function setScheduling(a: Attributes, pod: Pod, { scheduling }: RuntimeClass): void {
  const spec = pod.spec!
  if (scheduling === undefined) return
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const own = spec.nodeSelector?.[key]
    if (own !== undefined && own !== value) {
      throw refuse(a, `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`)
    }
  }
  if (scheduling.nodeSelector !== undefined) spec.nodeSelector = { ...spec.nodeSelector, ...scheduling.nodeSelector }
  const more = (scheduling.tolerations ?? []).filter((t: Toleration) => !spec.tolerations?.some((own) => same(own, t)))
  if (more.length > 0) spec.tolerations = [...spec.tolerations ?? [], ...more.map((t) => ({ ...t }))]
}

export function runtimeClass({ lister, client }: PluginContext): AdmissionPlugin {
  async function classOf(a: Attributes, pod: Pod): Promise<RuntimeClass | undefined> {
    const name = pod.spec?.runtimeClassName
    if (name === undefined) return undefined
    const cached = lister.get(runtimeClasses, '', name)
    if (cached !== undefined) return cached
    try {
      return await client.get(runtimeClasses, { name })
    } catch (error) {
      throw isStatus(error, 'NotFound') ? refuse(a, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`) : error
    }
  }

  return {
    name: 'RuntimeClass',
    handles: (a) => isFor(a, '', 'pods') && a.operation === 'CREATE',
    async admit(a) {
      const pod = objectOf<Pod>(a)
      const used = await classOf(a, pod)
      if (used === undefined) return
      const spec = pod.spec!
      const fixed = used.overhead?.podFixed
      if (used.overhead !== undefined) {
        if (Object.keys(spec.overhead ?? {}).length > 0 && !same(spec.overhead, fixed)) throw refuse(a, mismatch)
        if (fixed !== undefined) spec.overhead = { ...fixed }
      }
      setScheduling(a, pod, used)
    },
    async validate(a) {
      const pod = objectOf<Pod>(a)
      const used = await classOf(a, pod)
      const { overhead } = pod.spec!
      if (used?.overhead !== undefined) {
        if (!same(overhead ?? {}, used.overhead.podFixed ?? {})) throw refuse(a, mismatch)
      } else if (overhead !== undefined) {
        throw refuse(a, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead')
      }
    },
  }
}
