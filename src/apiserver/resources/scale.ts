import type { KubeObject } from '../../api/meta/object.ts'
import { selectorFromObject, selectorFromSet, type LabelSelectorObject } from '../../api/meta/selectors.ts'
import type { ScaleDefinition } from './define.ts'

const selectorOf = (object: KubeObject): unknown => (object.spec as { selector?: unknown } | undefined)?.selector

/** /scale of a kind with spec.replicas, status.replicas and a LabelSelector at spec.selector. */
export const labelSelectorScale: ScaleDefinition = {
  specReplicas: 'spec.replicas',
  statusReplicas: 'status.replicas',
  selector: (object) => selectorFromObject(selectorOf(object) as LabelSelectorObject | undefined).toString(),
}

/** The same for a kind whose spec.selector is a plain map. */
export const mapSelectorScale: ScaleDefinition = {
  ...labelSelectorScale,
  selector: (object) => {
    const selector = selectorOf(object) as Record<string, string> | undefined
    return selector === undefined ? '' : selectorFromSet(selector).toString()
  },
}
