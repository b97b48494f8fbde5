/** Sets the number of replicas by what metrics say (upstream: pkg/controller/podautoscaler/horizontal.go). Imperative: metrics are asked for. */
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition, MetricStatus } from '../../api/generated/types/autoscaling-v2.ts'
import type { Scale } from '../../api/generated/types/autoscaling-v1.ts'
import { horizontalPodAutoscalers, pods } from '../../api/generated/resources.ts'
import { removeCondition, setCondition } from '../../api/meta/conditions.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { parseApiVersion, type Resource } from '../../api/meta/object.ts'
import { quantityAsFloat } from '../../api/meta/quantity.ts'
import { type LabelSelector, parseLabelSelector } from '../../api/meta/selectors.ts'
import { formatTime } from '../../api/meta/time.ts'
import { type KeyedContext, type KeyedController, type SyncResult, watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import { discoverResources } from '../../client/discovery.ts'
import { splitKey } from '../../client/lister.ts'
import type { ControllerManagerOptions } from '../options.ts'
import { ownKey } from '../shared/owners.ts'
import { History, normalize } from './behavior.ts'
import { type Evaluated, evaluateMetric, MetricError } from './evaluate.ts'
import { autoscalerMetrics } from './monitor.ts'

type Hpa = HorizontalPodAutoscaler
type Conditions = readonly HorizontalPodAutoscalerCondition[]

const component = 'horizontal-pod-autoscaler'
const conflictRetries = 5

/** What one look has found out so far; written into the status at the end. */
class Draft {
  conditions: Conditions
  statuses: MetricStatus[] = []
  readonly hpa: Hpa
  readonly #now: string
  constructor(hpa: Hpa, now: number) {
    this.hpa = hpa
    this.conditions = hpa.status?.conditions ?? []
    this.#now = formatTime(now)
  }
  set(type: string, status: 'True' | 'False', reason: string, message: string): void {
    this.conditions = setCondition(this.conditions, { type, status, reason, message }, this.#now)
  }
  drop(type: string): void {
    this.conditions = removeCondition(this.conditions, type)
  }
}

export function horizontalPodAutoscalerController(options: ControllerManagerOptions): KeyedController {
  const {
    autoscalerSyncPeriodMs: periodMs = 15_000, autoscalerDownscaleStabilizationMs: windowMs = 300_000, autoscalerTolerance: tolerance = 0.1,
    autoscalerCPUInitializationMs: cpuInitializationMs = 300_000, autoscalerInitialReadinessMs: initialReadinessMs = 30_000,
  } = options
  const toZero = options.featureGates?.['HPAScaleToZero'] === true
  const histories = new Map<string, History>()
  const selectors = new Map<string, LabelSelector>()

  return {
    name: 'horizontal-pod-autoscaler-controller',
    workers: 5,
    watches: [watch(horizontalPodAutoscalers, ownKey, { changed: (hpa, old) => hpa.metadata.generation !== old.metadata.generation || !equalJson(hpa.spec, old.spec) })],
    reads: [pods as never],
    async sync(key, context): Promise<SyncResult | void> {
      const hpa = context.informers.of(horizontalPodAutoscalers).get(key)
      const monitor = autoscalerMetrics(context.env.metrics)
      monitor.count(context.informers.of(horizontalPodAutoscalers).size)
      if (hpa === undefined) {
        histories.delete(key)
        selectors.delete(key)
        return
      }
      const startedAt = context.env.clock.monotonic()
      let action = 'none'
      let failed = false
      try {
        action = await reconcile(key, hpa, context)
      } catch (error) {
        context.signal.throwIfAborted()
        failed = true
        context.env.log.warn('autoscaler failed', { key, error: error instanceof Error ? error.message : String(error) })
      }
      monitor.reconciled(action, failed, (context.env.clock.monotonic() - startedAt) / 1000)
      // Whether it went well or not: metrics are looked at from time to time.
      return { requeueAfterMs: periodMs }
    },
  }

  async function reconcile(key: string, hpa: Hpa, context: KeyedContext): Promise<string> {
    const { env, client, signal, recorder } = context
    const now = env.clock.now()
    const draft = new Draft(hpa, now)
    const warn = (reason: string, message: string): void => recorder(component).event(hpa, 'Warning', reason, message)
    const { scaleTargetRef, minReplicas: min = 1, maxReplicas: max, behavior, metrics = [] } = hpa.spec!
    const reference = `${scaleTargetRef.kind}/${hpa.metadata.namespace}/${scaleTargetRef.name}`
    let target: { scale: Scale; resource: Resource }
    try {
      target = await scaleOf(hpa, context)
    } catch (error) {
      signal.throwIfAborted()
      const why = error instanceof Error ? error.message : String(error)
      warn('FailedGetScale', why)
      draft.set('AbleToScale', 'False', 'FailedGetScale', `the HPA controller was unable to get the target's current scale: ${why}`)
      await writeConditions(draft, context)
      throw new Error(`failed to query scale subresource for ${reference}: ${why}`, { cause: error })
    }
    draft.set('AbleToScale', 'True', 'SucceededGetScale', 'the HPA controller was able to get the target\'s current scale')
    const current = target.scale.spec?.replicas ?? 0
    const history = histories.get(key) ?? new History(current, now)
    histories.set(key, history)

    const wasZeroed = toZero && draft.conditions.find(({ type }) => type === 'ScaledToZero')?.status === 'True'
    const fromOutside = metrics.some(({ type }) => type === 'Object' || type === 'External')
    let [desired, why, rescale, evaluate] = [0, '', true, true]
    if (current === 0 && !(wasZeroed && (min !== 0 || fromOutside))) {
      ;[rescale, evaluate] = [false, false]
      draft.set('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero')
      if (!toZero) draft.drop('ScaledToZero')
    } else if (current > max) {
      ;[desired, why, evaluate] = [max, 'Current number of replicas above Spec.MaxReplicas', false]
    } else if (current !== 0 && current < min) {
      ;[desired, why, evaluate] = [min, 'Current number of replicas below Spec.MinReplicas', false]
    }
    let partly: Error | undefined
    if (evaluate) {
      const best = await evaluateAll(key, draft, target.scale, context)
      if (best.evaluated === undefined) {
        await writeStatus(draft, current, hpa.status?.desiredReplicas ?? 0, false, context)
        warn('FailedComputeMetricsReplicas', best.error!.message)
        throw new Error(`failed to compute desired number of replicas based on listed metrics for ${reference}: ${best.error!.message}`)
      }
      partly = best.error
      desired = Math.max(0, best.evaluated.replicas)
      if (desired > current) why = `${best.evaluated.name} above target`
      if (desired < current) why = 'All metrics below target'
      const verdict = normalize(history, behavior, { current, desired, min, max }, windowMs, now)
      draft.set('AbleToScale', 'True', verdict.ableToScale.reason, verdict.ableToScale.message)
      draft.set('ScalingLimited', verdict.limited.status, verdict.limited.reason, verdict.limited.message)
      desired = verdict.replicas
      if (current === 0 && min !== 0 && wasZeroed && desired < min) {
        desired = min
        if (why === '') why = 'Current number of replicas below Spec.MinReplicas'
      }
      rescale = desired !== current
    }
    if (rescale) {
      try {
        await setScale(target.resource, target.scale, desired, context)
      } catch (error) {
        signal.throwIfAborted()
        const text = error instanceof Error ? error.message : String(error)
        warn('FailedRescale', `New size: ${desired}; reason: ${why}; error: ${text}`)
        draft.set('AbleToScale', 'False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${text}`)
        await writeStatus(draft, current, hpa.status?.desiredReplicas ?? 0, false, context)
        throw new Error(`failed to rescale ${reference}: ${text}`, { cause: error })
      }
      draft.set('AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${desired}`)
      recorder(component).event(hpa, 'Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${why}`)
      history.changed(behavior, current, desired, now)
      noteZero(draft, current > 0 && desired === 0 && min === 0 && fromOutside)
    }
    await writeStatus(draft, current, rescale ? desired : current, rescale, context)
    autoscalerMetrics(env.metrics).desired(hpa, rescale ? desired : current)
    if (partly !== undefined) throw partly
    return !rescale ? 'none' : desired > current ? 'scale_up' : 'scale_down'

    /** The target may have been changed meanwhile: what we want of it stays. */
    async function setScale(resource: Resource, scale: Scale, replicas: number, { client: own }: KeyedContext): Promise<void> {
      for (let tries = 1, latest = scale; ; tries++) {
        try {
          await own.update(resource as Resource<never>, { ...latest, spec: { ...latest.spec, replicas } } as never, { subresource: 'scale', signal })
          return
        } catch (error) {
          if (!isStatus(error, 'Conflict') || tries >= conflictRetries) throw error
          latest = (await client.get(resource, { namespace: hpa.metadata.namespace, name: scaleTargetRef.name }, { subresource: 'scale', signal })) as unknown as Scale
        }
      }
    }
  }

  function noteZero(draft: Draft, zeroed: boolean): void {
    if (!toZero) draft.drop('ScaledToZero')
    else if (zeroed) draft.set('ScaledToZero', 'True', 'ScaledToZero', 'the HPA controller scaled the workload to zero')
    else draft.set('ScaledToZero', 'False', 'NotScaledToZero', 'the HPA controller did not scale the workload to zero')
  }

  /** The metric that wants most. Some may fail as long as none of the rest wants less than there is. */
  async function evaluateAll(key: string, draft: Draft, scale: Scale, context: KeyedContext): Promise<{ evaluated?: Evaluated; error?: Error }> {
    const { informers, env, client, signal, recorder } = context
    const { hpa } = draft
    const { namespace = '' } = hpa.metadata
    const { metrics = [], behavior } = hpa.spec!
    const text = scale.status?.selector ?? ''
    const selector = selectorFor(key, text, draft, context)
    if (selector instanceof Error) return { error: selector }
    const subject = {
      hpa, client, signal, selector: text, specReplicas: scale.spec?.replicas ?? 0, statusReplicas: scale.status?.replicas ?? 0,
      pods: informers.of(pods).list(namespace).filter(({ metadata }) => selector.matches(metadata.labels)),
      tolerances: {
        up: behavior?.scaleUp?.tolerance === undefined ? tolerance : quantityAsFloat(behavior.scaleUp.tolerance),
        down: behavior?.scaleDown?.tolerance === undefined ? tolerance : quantityAsFloat(behavior.scaleDown.tolerance),
      },
      calculator: { now: env.clock.now(), cpuInitializationMs, initialReadinessMs },
    }
    let best: Evaluated | undefined
    let first: MetricError | undefined
    let failures = 0
    const monitor = autoscalerMetrics(env.metrics)
    for (const spec of metrics) {
      const startedAt = env.clock.monotonic()
      const computed = (action: string, failure: 'none' | 'internal' | 'spec'): void =>
        monitor.computed(spec.type, action, failure, (env.clock.monotonic() - startedAt) / 1000)
      try {
        const evaluated = await evaluateMetric(spec, subject)
        computed(evaluated.replicas > subject.specReplicas ? 'scale_up' : evaluated.replicas < subject.specReplicas ? 'scale_down' : 'none', 'none')
        draft.statuses.push(evaluated.status)
        if (best === undefined || evaluated.replicas > best.replicas) best = evaluated
      } catch (error) {
        if (!(error instanceof MetricError)) throw error
        computed('none', error.reason === 'InvalidMetricSourceType' ? 'spec' : 'internal')
        draft.statuses.push({ type: '' })
        recorder(component).event(hpa, 'Warning', error.reason, error.detail)
        first ??= error
        failures++
      }
    }
    const error = first === undefined ? undefined
      : new Error(`invalid metrics (${failures} invalid out of ${metrics.length}), first error is: ${first.message}`)
    if (best === undefined || (first !== undefined && best.replicas < subject.specReplicas)) {
      if (first !== undefined) draft.set('ScalingActive', 'False', first.reason, `the HPA was unable to compute the replica count: ${first.detail}`)
      return { error: error ?? new Error('no metrics') }
    }
    draft.set('ScalingActive', 'True', 'ValidMetricFound', `the HPA was able to successfully calculate a replica count from ${best.name}`)
    return { evaluated: best, ...(error === undefined ? {} : { error }) }
  }

  /** The target's selector; an Error when there is none or another autoscaler looks after the same pods. */
  function selectorFor(key: string, text: string, draft: Draft, { informers, recorder }: KeyedContext): LabelSelector | Error {
    const refuse = (reason: string, event: string, message: string, condition = message): Error => {
      recorder(component).event(draft.hpa, 'Warning', event, message)
      draft.set('ScalingActive', 'False', reason, condition)
      return new Error(message)
    }
    if (text === '') return refuse('InvalidSelector', 'SelectorRequired', 'selector is required', 'the HPA target\'s scale is missing a selector')
    let selector: LabelSelector
    try {
      selector = parseLabelSelector(text)
    } catch (error) {
      const message = `couldn't convert selector into a corresponding internal selector object: ${(error as Error).message}`
      return refuse('InvalidSelector', 'InvalidSelector', message)
    }
    selectors.set(key, selector)
    const { namespace } = splitKey(key)
    const own = informers.of(pods).list(namespace).filter(({ metadata }) => selector.matches(metadata.labels))
    const sharing = [...selectors].filter(([other, one]) => splitKey(other).namespace === namespace && own.some(({ metadata }) => one.matches(metadata.labels)))
    if (sharing.length <= 1) return selector
    const names = sharing.map(([other]) => `{${splitKey(other).name} ${namespace}}`).join(' ')
    return refuse('AmbiguousSelector', 'AmbiguousSelector', `pods by selector ${text} are controlled by multiple HPAs: [${names}]`)
  }
}

async function scaleOf(hpa: Hpa, { client, signal }: KeyedContext): Promise<{ scale: Scale; resource: Resource }> {
  const { kind, name, apiVersion = '' } = hpa.spec!.scaleTargetRef
  const { group } = parseApiVersion(apiVersion)
  const { resources } = await discoverResources(client, signal)
  const resource = resources.find((one) => one.group === group && one.kind === kind)
  if (resource === undefined) throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`)
  const scale = await client.get(resource, { namespace: hpa.metadata.namespace, name }, { subresource: 'scale', signal })
  return { scale: scale as unknown as Scale, resource }
}

async function writeConditions({ hpa, conditions }: Draft, context: KeyedContext): Promise<void> {
  await write(hpa, { ...hpa.status, conditions: [...conditions] } as Hpa['status'], context)
}

async function writeStatus({ hpa, conditions, statuses }: Draft, current: number, desired: number, rescaled: boolean, context: KeyedContext): Promise<void> {
  const lastScaleTime = rescaled ? formatTime(context.env.clock.now()) : hpa.status?.lastScaleTime
  await write(hpa, {
    currentReplicas: current, desiredReplicas: desired, conditions: [...conditions], ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    ...(statuses.length === 0 ? {} : { currentMetrics: statuses }),
  }, context)
}

async function write(hpa: Hpa, status: Hpa['status'], { client, signal, recorder }: KeyedContext): Promise<void> {
  if (equalJson(status, hpa.status ?? {})) return
  try {
    await client.update(horizontalPodAutoscalers, { ...hpa, status }, { subresource: 'status', signal })
  } catch (error) {
    signal.throwIfAborted()
    const text = error instanceof Error ? error.message : String(error)
    recorder(component).event(hpa, 'Warning', 'FailedUpdateStatus', text)
    throw new Error(`failed to update status for ${hpa.metadata.name}: ${text}`, { cause: error })
  }
}
