import { expect, test } from 'vitest'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import type { Container, Image } from '../cri/contract.ts'
import { createFakeCri } from '../cri/fake.ts'
import { type ImageGarbagePolicy, createImageCollector } from './garbage.ts'

const image = (id: string, size: number, more: Partial<Image> = {}): Image => ({ id, size, repoTags: [`${id}:1`], repoDigests: [], uid: null, username: '', pinned: false, ...more })

function setup(policy: Partial<ImageGarbagePolicy> = {}) {
  const env = createManualEnv()
  const state = { images: [image('used', 100), image('old', 200), image('older', 300), image('pin', 50, { pinned: true }), image('p', 1, { repoTags: ['registry/pause:3.10'] })], available: 0, removed: [] as string[], events: [] as string[] }
  const fake = createFakeCri(env.clock)
  const used: Container[] = [{ image: { image: 'used:1' }, imageRef: 'used', imageId: 'used' } as Container]
  const cri = {
    ...fake, runtime: { ...fake.runtime, listContainers: async () => used },
    images: {
      ...fake.images, listImages: async () => state.images,
      async removeImage({ image: id }: { image: string }) {
        state.removed.push(id)
        state.images = state.images.filter((one) => one.id !== id)
      },
    },
  }
  const collector = createImageCollector({
    ...env, cri, policy: { highPercent: 85, lowPercent: 80, minAgeMs: 120_000, maxAgeMs: 0, ...policy },
    disk: async () => ({ capacityBytes: 1000, availableBytes: state.available }), emitNode: (_, reason, message) => void state.events.push(`${reason} ${message}`),
  })
  return { env, state, collector }
}

test('below the mark nothing goes', async () => {
  const { state, collector } = setup()
  state.available = 160
  await collector.collect()
  expect(state.removed).toEqual([])
})
test('unused ones go until enough is free; what cannot be had is told', async () => {
  const { state, collector } = setup()
  state.available = 50
  await collector.collect()
  expect(state.removed).toEqual(['old'])
  state.available = 0
  state.images.push(image('new', 500))
  await expect(collector.collect()).resolves.toBeUndefined()
  expect(state.removed).toEqual(['old', 'older'])
  await expect(collector.collect()).rejects.toThrow('Attempted to free 200 bytes, but only found 0 bytes eligible to free.')
  expect(state.events).toHaveLength(1)
})
test('all that are not used go on demand, and after their greatest age', async () => {
  const all = setup()
  await all.collector.removeUnused()
  expect(all.state.removed).toEqual(['old', 'older'])
  const aged = setup({ maxAgeMs: 1000, highPercent: 100 })
  aged.state.available = 1000
  await aged.collector.collect()
  expect(aged.state.removed).toEqual(['old', 'older'])
})
