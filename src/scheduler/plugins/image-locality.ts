import { type SchedulerPlugin, maxNodeScore } from '../framework.ts'

const mebibyte = 1024 * 1024
const minimum = 23 * mebibyte
const maximumPerContainer = 1000 * mebibyte
const name = 'ImageLocality'

/** Prefers nodes that have the pod's images already, weighed by how many nodes have them. */
export const imageLocality: SchedulerPlugin = {
  name,
  preScore(state, { pod }, _feasible, handle) {
    const wanted = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((c) => c.image ?? '')
    for (const volume of pod.spec?.volumes ?? []) if (volume.image?.reference !== undefined) wanted.push(volume.image.reference)
    const containers = (pod.spec?.initContainers?.length ?? 0) + (pod.spec?.containers?.length ?? 0)
    const images = wanted.map(normalizedName)
    const spread = new Map<string, number>()
    for (const image of images) {
      let holders = 0
      for (const node of handle.nodes) if (node.images.has(image)) holders++
      spread.set(image, holders / handle.nodes.length)
    }
    state.data.set(name, { images, spread, maximum: maximumPerContainer * containers })
    return false
  },
  score(state, _pod, node) {
    const { images, spread, maximum } = state.read<{ images: string[]; spread: Map<string, number>; maximum: number }>(name)!
    let sum = 0
    for (const image of images) {
      const size = node.images.get(image)
      if (size !== undefined) sum += Math.trunc(size * spread.get(image)!)
    }
    const bounded = Math.min(Math.max(sum, minimum), maximum)
    return Math.trunc((maxNodeScore * (bounded - minimum)) / (maximum - minimum))
  },
}

function normalizedName(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image
}
