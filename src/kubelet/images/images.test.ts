import { describe, expect, test } from 'vitest'
import type { Secret } from '../../api/generated/types/core-v1.ts'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import { createFakeCri } from '../cri/fake.ts'
import type { SandboxConfig } from '../cri/contract.ts'
import { pod } from '../testing/objects.ts'
import { findCredentials } from './credentials.ts'
import { type StartError, createImageManager } from './manager.ts'
import { parseImageName, withDefaultTag } from './reference.ts'

describe('image names', () => {
  test.each([
    ['busybox', 'docker.io/library/busybox', 'latest'], ['a/b:1', 'docker.io/a/b', '1'], ['reg.io/x', 'reg.io/x', 'latest'], ['localhost:5000/x:y', 'localhost:5000/x', 'y'],
    ['x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 'docker.io/library/x', ''],
  ])('%s', (name, repository, tag) => expect(parseImageName(name)).toMatchObject({ repository, tag }))
  test.each(['UPPER/bad::', 'a b', '', 'x:', '-x', 'a/B', 'x@sha256:zz'])('%j is none', (name) => expect(() => parseImageName(name)).toThrow('couldn\'t parse image name'))
  test('the tag that is meant', () => {
    expect([withDefaultTag('busybox'), withDefaultTag('r.io:1/x'), withDefaultTag('x:1')]).toEqual(['busybox:latest', 'r.io:1/x:latest', 'x:1'])
  })
})

test('credentials by registry, the longest match first', () => {
  const auth = (user: string) => Buffer.from(`${user}:pw`).toString('base64')
  const config = { auths: { 'https://index.docker.io/v1/': { auth: auth('hub') }, 'reg.io': { auth: auth('all') }, 'reg.io/team': { auth: auth('team') }, '*.wild.io': { username: 'w', password: 'p' } } }
  const secret: Secret = { metadata: {}, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') } }
  const users = (repository: string) => findCredentials([secret, { metadata: {}, type: 'Opaque' }], repository).map(({ username }) => username)
  expect([users('docker.io/library/x'), users('reg.io/team/x'), users('reg.io/other'), users('a.wild.io/x'), users('b.a.wild.io/x')]).toEqual([['hub'], ['team', 'all'], ['all'], ['w'], []])
})

describe('the image manager', () => {
  const setup = (registry: string[]) => {
    const env = createManualEnv()
    const cri = createFakeCri(env.clock, { images: ['here:1'], registry })
    const manager = createImageManager(env.clock, cri.images, { serializePulls: true })
    const events: string[] = []
    const ensure = (image: string, policy?: string) => manager.ensure({
      pod: pod(), image, policy, secrets: [], sandbox: {} as SandboxConfig, signal: new AbortController().signal, emit: (type, reason, message) => events.push(`${type} ${reason} ${message}`),
    }).then(({ repoTags }) => repoTags[0], (error: StartError) => `${error.reason}: ${error.message}`)
    return { env, cri, events, ensure }
  }
  test('present, absent, never, always', async () => {
    const { cri, events, ensure } = setup(['there:1', 'here:1'])
    expect(await ensure('here:1', 'IfNotPresent')).toBe('here:1')
    expect(events).toEqual(['Normal Pulled Container image "here:1" already present on machine and can be accessed by the pod'])
    expect(await ensure('there:1', 'Never')).toBe('ErrImageNeverPull: Container image "there:1" is not present with pull policy of Never')
    expect(await ensure('there:1', 'IfNotPresent')).toBe('there:1')
    expect(events.at(-1)).toBe('Normal Pulled Successfully pulled image "there:1" in 0s (0s including waiting). Image size: 1000 bytes.')
    expect(await ensure('here:1', 'Always')).toBe('here:1')
    expect(cri.calls).toEqual(['PullImage there:1', 'PullImage here:1'])
    expect(await ensure('BAD::')).toBe('InvalidImageName: Failed to apply default image tag "BAD::": couldn\'t parse image name "BAD::": invalid reference format')
  })
  test('backs off, and says why', async () => {
    const { env, cri, ensure } = setup([])
    const why = 'rpc error: code = NotFound desc = gone:1: not found'
    expect(await ensure('gone:1')).toBe(`ErrImagePull: ${why}`)
    expect(await ensure('gone:1')).toBe(`ImagePullBackOff: Back-off pulling image "gone:1": ErrImagePull: ${why}`)
    await env.clock.advance(10_001)
    expect(await ensure('gone:1')).toBe(`ErrImagePull: ${why}`)
    await env.clock.advance(10_001)
    expect(await ensure('gone:1')).toContain('ImagePullBackOff')
    await env.clock.advance(10_000)
    expect(await ensure('gone:1')).toContain('ErrImagePull: rpc')
    expect(cri.calls).toHaveLength(3)
  })
})
