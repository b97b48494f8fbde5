import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { HorizontalPodAutoscaler } from '../../api/generated/types/autoscaling-v2.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { deployments, events, horizontalPodAutoscalers, pods } from '../../api/generated/resources.ts'
import type { ApiHandler } from '../../api/meta/request.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'
import { History, normalize } from './behavior.ts'
import { averageReplicas, perPodReplicas, type PodMetrics, resourceReplicas, valueReplicas } from './replicas.ts'

const tolerances = { up: 0.1, down: 0.1 }
const calculator = { now: 1e12, cpuInitializationMs: 300_000, initialReadinessMs: 30_000 }

/** Ready pods that ask for a whole CPU; phase or readiness by the list. */
const world = (states: readonly string[]): Pod[] => states.map((state, at) => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name: `p${at}`, namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1', memory: '1Gi' } } }] },
  status: {
    phase: state === 'Pending' || state === 'Failed' ? state : 'Running', startTime: '2001-01-01T00:00:00Z',
    conditions: [{ type: 'Ready', status: state === 'Unready' ? 'False' : 'True', lastTransitionTime: '2001-01-01T00:00:10Z' }],
  },
}))
const using = (...values: (number | undefined)[]): PodMetrics => new Map(values.flatMap((value, at) =>
  (value === undefined ? [] : [[`p${at}`, { value, at: 1e12, windowMs: 60_000 }] as const])))

test.each([
  ['more', ['', '', ''], [300, 500, 700], 30, 3, 5],
  ['less', ['', '', '', '', ''], [100, 300, 500, 250, 250], 50, 5, 3],
  ['within tolerance', ['', '', ''], [1010, 1030, 1020], 100, 3, 3],
  ['a pod without metrics counts as idle when more are wanted', ['', '', ''], [1000, 1000, undefined], 50, 3, 4],
  ['and as busy when fewer are', ['', '', ''], [100, 100, undefined], 50, 3, 3],
  ['pending pods count as idle', ['', '', 'Pending'], [800, 800, undefined], 30, 3, 6],
  ['and never turn the direction round', ['', 'Pending', 'Pending'], [400, undefined, undefined], 30, 3, 3],
  ['pods that were never ready count as idle', ['', 'Unready', 'Unready'], [600, 900, 900], 30, 3, 3],
  ['failed pods do not count', ['', '', 'Failed'], [500, 700, undefined], 50, 2, 3],
] as const)('utilization: %s', (_, states, values, target, current, expected) => {
  expect(resourceReplicas(world(states), using(...values), 'cpu', '', current, target, tolerances, calculator).replicas).toBe(expected)
})

test('averages, single values, values shared by all', () => {
  expect(averageReplicas(world(['', '', '']), using(20_000, 10_000, 30_000), '', 3, 15_000, tolerances, calculator)).toEqual({ replicas: 4, usage: 20_000 })
  expect(valueReplicas(world(['', '', '']), 20_000, 3, 15_000, tolerances)).toEqual({ replicas: 4, usage: 20_000 })
  expect(valueReplicas([], 20_000, 0, 15_000, tolerances)).toEqual({ replicas: 2, usage: 20_000 })
  expect(perPodReplicas(8_600, 3, 2_867, tolerances)).toEqual({ replicas: 3, usage: 2867 })
  expect(perPodReplicas(8_600, 3, 2_100, tolerances)).toEqual({ replicas: 5, usage: 2867 })
  expect(() => resourceReplicas(world(['', '']), using(1, 1), 'gpu', '', 2, 50, tolerances, calculator))
    .toThrow('missing request for gpu in container c of Pod p0')
})

test('without rules: at most twice as many, highs are remembered for five minutes', () => {
  const history = new History(4, 0)
  const at = (current: number, desired: number, now: number) => normalize(history, undefined, { current, desired, min: 2, max: 40 }, 300_000, now)
  expect(at(4, 30, 1000)).toMatchObject({ replicas: 8, limited: { status: 'True', reason: 'ScaleUpLimit' } })
  expect(at(30, 3, 200_000)).toMatchObject({ replicas: 30, ableToScale: { reason: 'ScaleDownStabilized' }, limited: { status: 'False' } })
  expect(at(30, 1, 600_000)).toMatchObject({ replicas: 2, limited: { status: 'True', reason: 'TooFewReplicas' } })
  expect(at(30, 100, 600_001)).toMatchObject({ replicas: 40, limited: { status: 'True', reason: 'TooManyReplicas' } })
})

test('rules limit the speed over their periods', () => {
  const behavior = {
    scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }, { type: 'Percent', value: 50, periodSeconds: 60 }] },
    scaleDown: { stabilizationWindowSeconds: 100, selectPolicy: 'Min', policies: [{ type: 'Pods', value: 5, periodSeconds: 60 }, { type: 'Percent', value: 10, periodSeconds: 60 }] },
  }
  const history = new History(10, 0)
  const step = (current: number, desired: number, now: number) => {
    const verdict = normalize(history, behavior, { current, desired, min: 1, max: 100 }, 300_000, now)
    if (verdict.replicas !== current) history.changed(behavior, current, verdict.replicas, now)
    return [verdict.replicas, verdict.limited.reason]
  }
  expect(step(10, 100, 1000)).toEqual([15, 'ScaleUpLimit'])
  expect(step(15, 100, 30_000)).toEqual([15, 'ScaleUpLimit'])
  expect(step(15, 100, 62_000)).toEqual([23, 'ScaleUpLimit'])
  expect(step(23, 1, 100_000)).toEqual([23, 'DesiredWithinRange'])
  expect(step(23, 1, 200_000)).toEqual([20, 'ScaleDownLimit'])
  const disabled = { ...behavior, scaleDown: { ...behavior.scaleDown, selectPolicy: 'Disabled', stabilizationWindowSeconds: 0 } }
  expect(normalize(new History(9, 0), disabled, { current: 9, desired: 1, min: 1, max: 10 }, 0, 1000).replicas).toBe(9)
})

test('counts stay between the bounds and never move against what is wanted', () => {
  const policy = fc.record({ type: fc.constantFrom('Pods', 'Percent'), value: fc.integer({ min: 1, max: 200 }), periodSeconds: fc.integer({ min: 1, max: 100 }) })
  const rules = fc.record({
    stabilizationWindowSeconds: fc.integer({ min: 0, max: 100 }), selectPolicy: fc.constantFrom('Max', 'Min', 'Disabled'), policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
  })
  fc.assert(fc.property(
    fc.option(fc.record({ scaleUp: rules, scaleDown: rules }), { nil: undefined }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 20, max: 60 }),
    fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 12 }),
    (behavior, min, max, wishes) => {
      const history = new History(min, 0)
      let current = min
      for (const [at, desired] of wishes.entries()) {
        const { replicas } = normalize(history, behavior, { current, desired, min, max }, 20_000, (at + 1) * 15_000)
        expect(replicas).toBeGreaterThanOrEqual(min)
        expect(replicas).toBeLessThanOrEqual(max)
        history.changed(behavior, current, replicas, (at + 1) * 15_000)
        current = replicas
      }
    },
  ), { numRuns: 200 })
})

describe('over the real API', () => {
  let cluster: TestCluster
  let cpu = '100m'
  let external: string | undefined
  afterEach(() => cluster.stop())

  /** Serves metrics of all pods, and one external metric. */
  const withMetrics = (handler: ApiHandler): ApiHandler => async (request) => {
    const json = (value: unknown) => ({ type: 'raw' as const, code: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) })
    if (request.info.apiGroup === 'external.metrics.k8s.io' && external !== undefined) return json({ items: [{ value: external }] })
    if (request.info.apiGroup !== 'metrics.k8s.io') return handler(request)
    const now = new Date(cluster.env.clock.now()).toISOString()
    const items = (await cluster.list(pods)).map(({ metadata }) => ({
      metadata: { name: metadata.name }, timestamp: now, window: '10s', containers: [{ name: 'c', usage: { cpu, memory: '10Mi' } }],
    }))
    return json({ items })
  }
  async function start(metrics: NonNullable<HorizontalPodAutoscaler['spec']>['metrics']): Promise<void> {
    cluster = await createTestCluster({
      controllers: ['horizontal-pod-autoscaler-controller', 'deployment-controller', 'replicaset-controller'], wrap: withMetrics, autoscalerCPUInitializationMs: 0,
    })
    await cluster.client.create(deployments, {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
      spec: {
        replicas: 1, selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m' } } }] } },
      },
    })
    await cluster.advance(2000)
    await cluster.client.create(horizontalPodAutoscalers, {
      apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web', namespace: 'default' },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, minReplicas: 1, maxReplicas: 5, metrics },
    })
  }
  const replicas = async () => (await cluster.get(deployments, 'web'))!.spec!.replicas
  const hpa = async () => (await cluster.get(horizontalPodAutoscalers, 'web'))!
  const condition = async (type: string) => (await hpa()).status?.conditions?.find((one) => one.type === type)

  test('follows the load up at once and down after five minutes', async () => {
    cpu = '200m'
    await start([{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }])
    await cluster.until('up', async () => (await replicas()) === 5, 60_000)
    expect((await hpa()).status).toMatchObject({ desiredReplicas: 5, currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 200, averageValue: '200m' } } }] })
    expect(await condition('ScalingActive')).toMatchObject({
      status: 'True', reason: 'ValidMetricFound', message: 'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)',
    })
    cpu = '10m'
    await cluster.advance(240_000)
    expect(await replicas()).toBe(5)
    await cluster.until('down', async () => (await replicas()) === 1, 120_000)
    expect((await cluster.list(events)).map(({ reason, message }) => `${reason} ${message}`)).toEqual(expect.arrayContaining([
      'SuccessfulRescale New size: 4; reason: cpu resource utilization (percentage of request) above target',
      'SuccessfulRescale New size: 1; reason: All metrics below target',
    ]))
  })

  test('follows one container alone', async () => {
    cpu = '150m'
    const target = { type: 'Utilization', averageUtilization: 50 }
    await start([{ type: 'ContainerResource', containerResource: { name: 'cpu', container: 'c', target } }])
    await cluster.until('up', async () => (await replicas()) === 5, 60_000)
    expect((await hpa()).status?.currentMetrics).toEqual([
      { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'c', current: { averageUtilization: 150, averageValue: '150m' } } },
    ])
    expect((await condition('ScalingActive'))?.message).toBe('the HPA was able to successfully calculate a replica count from cpu container resource utilization (percentage of request)')
    await cluster.client.patch(horizontalPodAutoscalers, { name: 'web', namespace: 'default' }, 'merge', {
      spec: { metrics: [{ type: 'ContainerResource', containerResource: { name: 'cpu', container: 'sidecar', target } }] },
    })
    await cluster.until('told', async () => (await condition('ScalingActive'))?.reason === 'FailedGetContainerResourceMetric', 60_000)
    expect(await replicas()).toBe(5)
    const text = cluster.env.metrics.render()
    for (const labels of ['action="scale_up",error="none"', 'action="none",error="internal"']) {
      expect(text).toContain(`horizontal_pod_autoscaler_controller_metric_computation_total{${labels},metric_type="ContainerResource"} `)
      expect(text).toContain(`horizontal_pod_autoscaler_controller_metric_computation_duration_seconds_count{${labels},metric_type="ContainerResource"} `)
    }
  })

  test('says why it cannot: no metrics, no target, no replicas', async () => {
    cpu = '100m'
    await start([{ type: 'Resource', resource: { name: 'gpu', target: { type: 'AverageValue', averageValue: '1' } } }])
    await cluster.until('told', async () => (await condition('ScalingActive'))?.status === 'False')
    expect(await condition('ScalingActive')).toMatchObject({
      reason: 'FailedGetResourceMetric',
      message: 'the HPA was unable to compute the replica count: failed to get gpu usage: did not receive metrics for targeted pods (pods might be unready)',
    })
    await cluster.client.patch(deployments, { namespace: 'default', name: 'web' }, 'merge', { spec: { replicas: 0 } })
    await cluster.until('disabled', async () => (await condition('ScalingActive'))?.reason === 'ScalingDisabled')
    await cluster.client.delete(deployments, { namespace: 'default', name: 'web' })
    await cluster.until('no target', async () => (await condition('AbleToScale'))?.status === 'False')
    expect((await condition('AbleToScale'))!.message).toBe('the HPA controller was unable to get the target\'s current scale: deployments.apps "web" not found')
  })

  test('external metrics by value and by average', async () => {
    external = '6'
    await start([{ type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '2' } } }])
    await cluster.until('three', async () => (await replicas()) === 3, 60_000)
    expect((await condition('ScalingActive'))!.message).toBe('the HPA was able to successfully calculate a replica count from external metric queue(nil)')
    external = undefined
    await cluster.until('told', async () => (await condition('ScalingActive'))?.reason === 'FailedGetExternalMetric')
    expect(await replicas()).toBe(3)
  })
})
