/** ExtendedResourceToleration lets pods onto the nodes of their devices; PodTolerationRestriction gives and limits tolerations by namespace. */
import type { Namespace, Pod, Toleration } from '../../../api/generated/types/core-v1.ts'
import { podQOS } from '../../../api/helpers/qos.ts'
import { isExtendedResource } from '../../../api/helpers/pod-resources.ts'
import { unknownError } from '../../../api/meta/errors.ts'
import type { AdmissionPlugin } from '../contract.ts'
import { isFor, isOperation, objectOf, same, type PluginContext } from '../context.ts'
import { namespaceOf } from './namespace-existence.ts'

export function extendedResourceToleration(): AdmissionPlugin {
  return {
    name: 'ExtendedResourceToleration',
    handles: (a) => isFor(a, '', 'pods') && isOperation(a, 'CREATE', 'UPDATE'),
    admit(a) {
      const spec = objectOf<Pod>(a).spec!
      const names = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ resources }) => Object.keys(resources?.requests ?? {}))
      for (const key of [...new Set(names.filter(isExtendedResource))].sort()) {
        const wanted = { key, operator: 'Exists', effect: 'NoSchedule' }
        const alike = (t: Toleration): boolean => t.key === key && t.operator === 'Exists' && t.effect === 'NoSchedule' && (t.value ?? '') === ''
        spec.tolerations = spec.tolerations?.some(alike) ? spec.tolerations.map((t) => (alike(t) ? wanted : t)) : [...(spec.tolerations ?? []), wanted]
      }
      return Promise.resolve()
    },
  }
}

export interface TolerationConfiguration {
  readonly default?: readonly Toleration[]
  readonly whitelist?: readonly Toleration[]
}

/** Throws an Error for a configuration that is none. */
export function tolerationConfiguration(configuration: unknown): TolerationConfiguration {
  if (configuration === undefined) return {}
  const { apiVersion, kind, ...rest } = configuration as TolerationConfiguration & { apiVersion?: string; kind?: string }
  if (apiVersion !== 'podtolerationrestriction.admission.k8s.io/v1alpha1' || kind !== 'Configuration') {
    throw new Error(`no kind ${JSON.stringify(kind ?? '')} is registered for version ${JSON.stringify(apiVersion ?? '')}`)
  }
  return rest
}

const annotations = { default: 'scheduler.alpha.kubernetes.io/defaultTolerations', whitelist: 'scheduler.alpha.kubernetes.io/tolerationsWhitelist' } as const

/** What a namespace states; undefined when it says nothing, none when it says so. */
function stated({ metadata }: Namespace, key: keyof typeof annotations): readonly Toleration[] | undefined {
  const text = metadata.annotations?.[annotations[key]]
  if (text === undefined) return undefined
  if (text === '') return []
  try {
    return JSON.parse(text) as Toleration[]
  } catch (error) {
    throw unknownError((error as Error).message)
  }
}

/** Whether `wide` tolerates all that `narrow` does (upstream: pkg/util/tolerations isSuperset). */
function covers(wide: Toleration, narrow: Toleration): boolean {
  if (same(wide, narrow)) return true
  if ((narrow.key ?? '') !== (wide.key ?? '') && ((wide.key ?? '') !== '' || wide.operator !== 'Exists')) return false
  if ((narrow.effect ?? '') !== (wide.effect ?? '') && (wide.effect ?? '') !== '') return false
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds !== undefined && (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > wide.tolerationSeconds)) return false
  switch (wide.operator ?? '') {
    case '':
    case 'Equal': return narrow.operator === 'Equal' && (narrow.value ?? '') === (wide.value ?? '')
    case 'Exists': return true
    default: return false
  }
}

/** Both lists as one, without what another of them covers; of equal ones the first stays. */
export function mergeTolerations(first: readonly Toleration[], second: readonly Toleration[]): Toleration[] {
  const all = [...first, ...second]
  const merged: Toleration[] = []
  for (const [i, toleration] of all.entries()) {
    const redundant = merged.some((other) => covers(other, toleration)) || all.slice(i + 1).some((other) => !same(toleration, other) && covers(other, toleration))
    if (!redundant) merged.push(toleration)
  }
  return merged
}

export function podTolerationRestriction(context: PluginContext, configuration: TolerationConfiguration = {}): AdmissionPlugin {
  const check = (pod: Pod, namespace: Namespace): void => {
    const tolerations = pod.spec?.tolerations ?? []
    if (tolerations.length === 0) return
    const own = stated(namespace, 'whitelist')
    const allowed = own ?? configuration.whitelist ?? []
    if (allowed.length === 0 || tolerations.every((toleration) => allowed.some((wide) => covers(wide, toleration)))) return
    throw unknownError(`pod tolerations (possibly merged with namespace default tolerations) conflict with its ${own === undefined ? 'cluster' : 'namespace'} whitelist`)
  }
  return {
    name: 'PodTolerationRestriction',
    handles: (a) => isFor(a, '', 'pods') && isOperation(a, 'CREATE', 'UPDATE'),
    async admit(a) {
      const pod = objectOf<Pod>(a)
      const namespace = await namespaceOf(context, a)
      const extra = a.operation === 'CREATE' ? [...(stated(namespace, 'default') ?? configuration.default ?? [])] : []
      if (podQOS(pod) !== 'BestEffort') extra.push({ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' })
      if (extra.length > 0) pod.spec!.tolerations = mergeTolerations(pod.spec!.tolerations ?? [], extra)
      check(pod, namespace)
    },
    async validate(a) {
      check(objectOf<Pod>(a), await namespaceOf(context, a))
    },
  }
}
