/** A namespace's pods run on nodes that its annotation selects, or the cluster's default for namespaces without one. */
import type { Pod } from '../../../api/generated/types/core-v1.ts'
import { forbidden, internalError } from '../../../api/meta/errors.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, objectOf, type PluginContext } from '../context.ts'
import { namespaceOf } from './namespace-existence.ts'

const annotation = 'scheduler.alpha.kubernetes.io/node-selector'
const clusterDefault = 'clusterDefaultNodeSelector'

type Labels = Readonly<Record<string, string>>

/** "a=b, c=d" as labels (upstream: labels.ConvertSelectorToLabelsMap). Throws for a part without "=". */
export function selectorLabels(selector = ''): Labels {
  if (selector === '') return {}
  return Object.fromEntries(selector.split(',').map((part) => {
    const [key, value, ...more] = part.split('=')
    if (value === undefined || more.length > 0) throw new Error(`invalid selector: ${part}`)
    return [key!.trim(), value.trim()]
  }))
}

/** The selectors of a configuration file. */
export function nodeSelectorsOf(configuration: unknown): Labels {
  return (configuration as { podNodeSelectorPluginConfig?: Labels } | undefined)?.podNodeSelectorPluginConfig ?? {}
}

const conflict = (a: Labels, b: Labels): boolean => Object.entries(a).some(([key, value]) => b[key] !== undefined && b[key] !== value)

/** `selectors`: by namespace, the labels its pods may ask for; and the default. */
export function podNodeSelector(context: PluginContext, selectors: Labels = {}): AdmissionPlugin {
  const wanted = async (a: Attributes): Promise<Labels> => {
    const { metadata } = await namespaceOf(context, a)
    return parsed(metadata.annotations?.[annotation] ?? selectors[clusterDefault])
  }
  const check = (a: Attributes, required: Labels): void => {
    const { metadata, spec } = objectOf<Pod>(a)
    const asked = spec?.nodeSelector ?? {}
    const refuse = (why: string) => forbidden(a.resource, metadata.name ?? '', why)
    if (conflict(required, asked)) throw refuse('pod node label selector conflicts with its namespace node label selector')
    const allowed = parsed(selectors[a.namespace])
    const inside = Object.keys(allowed).length === 0 || Object.entries(asked).every(([key, value]) => allowed[key] === value)
    if (!inside) throw refuse('pod node label selector labels conflict with its namespace whitelist')
  }
  return {
    name: 'PodNodeSelector',
    handles: (a) => isFor(a, '', 'pods') && a.operation === 'CREATE',
    async admit(a) {
      const required = await wanted(a)
      const { metadata, spec } = objectOf<Pod>(a)
      if (conflict(required, spec?.nodeSelector ?? {})) {
        throw forbidden(a.resource, metadata.name ?? '', 'pod node label selector conflicts with its namespace node label selector')
      }
      if (Object.keys(required).length > 0) spec!.nodeSelector = { ...required, ...spec!.nodeSelector }
      check(a, required)
    },
    async validate(a) {
      check(a, await wanted(a))
    },
  }
}

function parsed(selector: string | undefined): Labels {
  try {
    return selectorLabels(selector)
  } catch (error) {
    throw internalError((error as Error).message)
  }
}
