import { type PluginDefinition, maxNodeScore } from '../framework.ts'

const mebibyte = 1024 * 1024
const minimum = 23 * mebibyte
const maximumPerContainer = 1000 * mebibyte
const name = 'ImageLocality'

interface Wanted {
  readonly images: readonly { readonly name: string; readonly spread: number }[]
  readonly maximum: number
}

/** Prefers nodes that have the pod's images already, weighed by how many nodes have them. */
export const imageLocality: PluginDefinition = {
  name,
  create: (_args, handle) => ({
    name,
    local: true,
    preScore(state, { pod }) {
      const names = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((c) => c.image ?? '')
      const containers = names.length
      for (const volume of pod.spec?.volumes ?? []) if (volume.image !== undefined) names.push(volume.image.reference ?? '')
      const images = names.map((image) => {
        const normal = normalizedName(image)
        return { name: normal, spread: handle.nodesWithImage(normal) / handle.nodes.length }
      })
      state.data.set(name, { images, maximum: maximumPerContainer * containers } satisfies Wanted)
      return false
    },
    score(state, _pod, node) {
      const { images, maximum } = state.read<Wanted>(name)!
      let sum = 0
      for (const image of images) {
        const size = node.images.get(image.name)
        if (size !== undefined) sum += Math.trunc(size * image.spread)
      }
      const bounded = sum < minimum ? minimum : Math.min(sum, maximum)
      return Math.trunc((maxNodeScore * (bounded - minimum)) / (maximum - minimum))
    },
  }),
}

function normalizedName(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image
}
