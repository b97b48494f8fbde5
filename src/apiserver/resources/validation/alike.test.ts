import { expect, it } from 'vitest'
import type { PodSpec } from '../../../api/generated/types/core-v1.ts'
import { AlikeSpecs } from './alike.ts'

const spec = (volume: string, mount = volume, image = 'a'): PodSpec => ({
  volumes: [{ name: volume, projected: { sources: [] } }], containers: [{ name: 'c', image, volumeMounts: [{ name: mount, mountPath: '/t' }] }],
})

/** Answers how often it was looked at a spec. */
function looks(specs: readonly PodSpec[], beside: (i: number) => string = () => '', found: (spec: PodSpec) => string[] = () => []): number {
  const alike = new AlikeSpecs<string>()
  let count = 0
  specs.forEach((one, i) => {
    const answer = alike.of(one, beside(i), () => {
      count++
      return found(one)
    })
    expect(answer).toEqual(found(one))
  })
  return count
}

it('specs that differ in the name of a token\'s volume alone are looked at once', () => {
  expect(looks([spec('kube-api-access-abcde'), spec('kube-api-access-fgh12'), spec('kube-api-access-abcde')])).toBe(1)
  expect(looks([spec('v'), spec('v')], undefined, () => ['wrong'])).toBe(1)
})

it('a mount of another volume, another image, other annotations are looked at', () => {
  const good = spec('kube-api-access-abcde')
  expect(looks([good, spec('kube-api-access-abcde', 'kube-api-access-fgh12')])).toBe(2)
  expect(looks([good, spec('kube-api-access-fgh12', 'kube-api-access-abcde')])).toBe(2)
  expect(looks([good, spec('kube-api-access-fgh12', undefined, 'b')])).toBe(2)
  expect(looks([good, spec('\u0001')])).toBe(2)
  expect(looks([good, good], String)).toBe(2)
})

it('findings that name the volume, and specs with claims named after the pod, are never kept', () => {
  expect(looks([spec('kube-api-access-abcde'), spec('kube-api-access-fgh12')], undefined, ({ volumes }) => [volumes![0]!.name])).toBe(2)
  const claim: PodSpec = { containers: [], volumes: [{ name: 'v', ephemeral: {} }] }
  expect(looks([claim, claim])).toBe(2)
})
