/** Images are asked of their registry at every start, so that nobody uses what another's credentials have brought to a node. */
import type { Container, Pod } from '../../../api/generated/types/core-v1.ts'
import { unknownError } from '../../../api/meta/errors.ts'
import { aggregateText, fieldNotSupported } from '../../../api/meta/field-errors.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, isOperation, objectOf, oldObjectOf, refuse } from '../context.ts'

type PodSpec = NonNullable<Pod['spec']>

function containersOf({ initContainers = [], containers, ephemeralContainers = [] }: PodSpec): [string, Pick<Container, 'image' | 'imagePullPolicy'>][] {
  return [
    ...initContainers.map((container, i): [string, Container] => [`spec.initContainers[${i}]`, container]),
    ...containers.map((container, i): [string, Container] => [`spec.containers[${i}]`, container]),
    ...ephemeralContainers.map((container, i): [string, Pick<Container, 'image' | 'imagePullPolicy'>] => [`spec.ephemeralContainers[${i}]`, container]),
  ]
}

/** An update that brings no image changes nothing of what was admitted before. */
function bringsNoImage(a: Attributes): boolean {
  if (a.operation !== 'UPDATE') return false
  const known = new Set(containersOf(oldObjectOf<Pod>(a).spec!).map(([, { image }]) => image))
  return containersOf(objectOf<Pod>(a).spec!).every(([, { image }]) => known.has(image))
}

export function alwaysPullImages(): AdmissionPlugin {
  return {
    name: 'AlwaysPullImages',
    handles: (a) => isFor(a, '', 'pods') && isOperation(a, 'CREATE', 'UPDATE') && !bringsNoImage(a),
    admit(a) {
      const spec = objectOf<Pod>(a).spec!
      for (const [, container] of containersOf(spec)) container.imagePullPolicy = 'Always'
      for (const { image } of spec.volumes ?? []) if (image !== undefined) image.pullPolicy = 'Always'
      return Promise.resolve()
    },
    validate(a) {
      const spec = objectOf<Pod>(a).spec!
      const wrong = [
        ...containersOf(spec).map(([path, { imagePullPolicy }]) => [`${path}.imagePullPolicy`, imagePullPolicy] as const),
        ...(spec.volumes ?? []).flatMap(({ image }, i) => (image === undefined ? [] : [[`spec.volumes[${i}].image.pullPolicy`, image.pullPolicy] as const])),
      ].filter(([, policy]) => policy !== 'Always')
      const texts = wrong.map(([path, policy]) => refuse(a, aggregateText([fieldNotSupported(path, policy ?? '', ['Always'])])).message)
      // Several refusals as one are no refusal of admission's own any more: upstream answers 500.
      if (texts.length > 0) throw unknownError(texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`)
      return Promise.resolve()
    },
  }
}
