import { describe, expect, test } from 'vitest'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { computePodActions } from '../actions.ts'
import { createTestHost } from '../testing/host.ts'
import { container, pod, ran, runtimePod } from '../testing/objects.ts'
import { allocationOf, asRequirements, containerAmounts, withAllocation } from './allocation.ts'
import { type Actuated, isResizeInProgress } from './plan.ts'
import { openAllocationState, parseCheckpoint, renderCheckpoint } from './state.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
const sized = (name: string, cpu: string, memory: string, more = {}) => container(name, { resources: { requests: { cpu, memory }, limits: { cpu, memory } }, ...more })
const two = (a: string, b: string): Pod => pod({ containers: [sized('a', a, '10Mi'), sized('b', b, '10Mi')] })
const has = (p: Pod): Actuated => ({
  container: (name) => asRequirements(containerAmounts(undefined, p.spec!.containers.find((c) => c.name === name)?.resources)), pod: () => undefined,
})
const silent = { liveness: () => undefined, startup: () => undefined }
const running = runtimePod([ran('a', 'running'), ran('b', 'running')])

describe('a resize', () => {
  test('shrinking containers come before growing ones', () => {
    const { resize, containersToKill } = computePodActions(two('200m', '50m'), running, silent, has(two('100m', '100m')))
    expect(resize.cpu.map(({ container: { name } }) => name)).toEqual(['b', 'a'])
    expect([resize.memory, containersToKill, resize.ofPod]).toEqual([[], [], false])
  })
  test('nothing to do: the same, also in other words', () => {
    const { resize } = computePodActions(two('0.1', '100m'), running, silent, has(two('100m', '100m')))
    expect(resize).toEqual({ memory: [], cpu: [], ofPod: false, podLevel: false })
  })
  test('RestartContainer: it is ended and started', () => {
    const wanted = pod({ containers: [sized('a', '1', '20Mi', { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] })] })
    const { resize, containersToKill, containersToStart } = computePodActions(wanted, runtimePod([ran('a', 'running')]), silent, has(two('1', '1')))
    expect(containersToKill.map(({ message }) => message)).toEqual(['Container a resize requires restart'])
    expect([containersToStart.length, resize.ofPod]).toEqual([1, true])
  })
  test('is in progress until every running container has its part', () => {
    expect(isResizeInProgress(two('1', '1'), running, has(two('1', '2')))).toBe(true)
    expect(isResizeInProgress(two('1', '1'), running, has(two('1', '1')))).toBe(false)
    expect(isResizeInProgress(two('1', '1'), runtimePod([ran('a', 'running'), ran('b', 'exited')]), has(two('1', '2')))).toBe(false)
  })
})

describe('what was granted', () => {
  test('stands in for what is asked; an equal grant changes nothing', () => {
    const asked = two('2', '1')
    expect(withAllocation(asked, allocationOf(two('1', '1'))).spec!.containers[0]!.resources!.requests).toEqual({ cpu: '1', memory: '10Mi' })
    expect(withAllocation(asked, allocationOf(two('2000m', '1')))).toBe(asked)
    expect(withAllocation(asked, undefined)).toBe(asked)
  })
  test('is on disk, whole or not at all', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'allocation-'))
    try {
      const { files } = createTestHost()
      const path = join(dir, 'allocated_pods_state')
      const state = await openAllocationState(files, log, path)
      state.set('u1', allocationOf(two('1', '1')))
      state.setContainer('u2', 'c', { requests: { cpu: '1m' } })
      await state.flush()
      const again = await openAllocationState(files, log, path)
      expect(again.get('u1')).toEqual(allocationOf(two('1', '1')))
      expect(again.get('u2')).toEqual({ ContainerResources: { c: { requests: { cpu: '1m' } } } })
      again.keep(new Set(['u2']))
      await again.flush()
      writeFileSync(`${path}.torn`, renderCheckpoint({}).slice(0, -2))
      expect((await openAllocationState(files, log, `${path}.torn`)).get('u1')).toBeUndefined()
      expect(Object.keys(parseCheckpoint((await files.readText(path))!))).toEqual(['u2'])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
