/** Carries a workload's operations out against an API server (upstream: scheduler_perf/executor.go). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseYaml } from '../../src/api/codec/yaml.ts'
import { parseDuration } from '../../src/api/meta/time.ts'
import type { Call } from '../lib/client.ts'
import { PodWatch, type Selector } from './pods.ts'
import type { Side } from './sides.ts'
import { fillTemplate } from './template.ts'
import type { Operation, TestCase, Workload } from './workloads.ts'

const lanes = 30
const limitMs = 600_000
const json = { 'content-type': 'application/json' }
const strategicPatch = { 'content-type': 'application/strategic-merge-patch+json' }

type Fields = Record<string, unknown>

interface Body extends Fields {
  readonly apiVersion: string
  readonly kind: string
  metadata: Fields & { name?: string; generateName?: string; namespace?: string }
}

export interface Throughput {
  readonly pods: number
  readonly podsPerSecond: number
  /** The 99th percentile of scheduled pods' attempts, from the pod's turn to its written binding (ms, read off the metric's buckets). */
  readonly p99AttemptMs: number
  /** The same of the search for a node alone. */
  readonly p99AlgorithmMs: number
  /** CPU that all programs of the side used for a pod, its creation included. */
  readonly cpuMsPerPod: number
  readonly memoryMiB: Readonly<Record<string, number>>
}

const collections: Readonly<Record<string, string>> = {
  Pod: '/api/v1/namespaces/{ns}/pods', Node: '/api/v1/nodes', Service: '/api/v1/namespaces/{ns}/services', Namespace: '/api/v1/namespaces',
  PersistentVolume: '/api/v1/persistentvolumes', PersistentVolumeClaim: '/api/v1/namespaces/{ns}/persistentvolumeclaims', CSINode: '/apis/storage.k8s.io/v1/csinodes',
  StorageClass: '/apis/storage.k8s.io/v1/storageclasses', DeviceClass: '/apis/resource.k8s.io/v1/deviceclasses', ResourceClaim: '/apis/resource.k8s.io/v1/namespaces/{ns}/resourceclaims',
  ResourceSlice: '/apis/resource.k8s.io/v1/resourceslices', ResourceClaimTemplate: '/apis/resource.k8s.io/v1/namespaces/{ns}/resourceclaimtemplates',
  Secret: '/api/v1/namespaces/{ns}/secrets', ConfigMap: '/api/v1/namespaces/{ns}/configmaps',
}

/** Operations of upstream's workloads that are not carried out yet, and why. */
const unread: Readonly<Record<string, string>> = {
  createResourceDriver: 'needs a driver of devices and the controller of claims beside either scheduler',
  allocResourceClaims: 'needs the allocator of claims outside the scheduler',
}

/** Why the workload cannot be run; undefined when it can. */
export function whyNotRun({ workloadTemplate }: TestCase): string | undefined {
  const opcode = workloadTemplate.map((op) => op.opcode).find((name) => name in unread)
  return opcode === undefined ? undefined : `${opcode} ${unread[opcode]}`
}

export class Driver {
  readonly #side: Side
  readonly #case: TestCase
  readonly #params: Readonly<Record<string, unknown>>
  readonly #pods = new PodWatch()
  readonly #wanted = new Map<string, number>()
  readonly #background: Promise<void>[] = []
  readonly #texts = new Map<string, string>()
  #done = false
  #nodes = 0
  #collecting: { readonly before: string; readonly cpu: number; stop: () => number[] } | undefined
  readonly results: Throughput[] = []

  constructor(side: Side, testCase: TestCase, workload: Workload) {
    this.#side = side
    this.#case = testCase
    this.#params = workload.params
  }

  async run(): Promise<void> {
    await this.#pods.start(this.#side.client)
    try {
      for (const [i, operation] of this.#case.workloadTemplate.entries()) await this.#operate(operation, i)
    } finally {
      this.#done = true
      await Promise.all(this.#background)
      this.#pods.stop()
    }
  }

  async #operate(op: Operation, index: number): Promise<void> {
    switch (op.opcode) {
      case 'createNodes': return this.#createNodes(op, index)
      case 'createNamespaces': return this.#createNamespaces(op)
      case 'createPods': return this.#createPods(op, index)
      case 'createPodSets': {
        for (let i = 0; i < this.#count(op); i++) {
          const inner = op['createPodsOp'] as Operation
          await this.#createPods({ ...inner, namespace: `${op['namespacePrefix'] as string}-${i}` }, index)
        }
        return
      }
      case 'createAny': return this.#createAny(op)
      case 'updateAny': return this.#updateAny(op)
      case 'deletePods': return this.#deletePods(op)
      case 'churn': return this.#churn(op, index)
      case 'barrier': return this.#barrier(op)
      case 'sleep': return sleep(parseDuration(this.#value(op, 'duration') as string))
      case 'startCollectingMetrics': return this.#startCollecting(op['namespaces'] as string[], op['labelSelector'] as Selector)
      case 'stopCollectingMetrics': return this.#stopCollecting()
      default: throw new Error(`operation ${op.opcode} is not known`)
    }
  }

  /** A field, or the parameter that its "...Param" names. */
  #value(op: Operation, field: string): unknown {
    const parameter = op[`${field}Param`] as string | undefined
    return parameter === undefined ? op[field] : this.#params[parameter.slice(1)]
  }

  #count(op: Operation): number {
    return Number(this.#value(op, 'count') ?? 1)
  }

  #object(path: string, index: number, count: number): Body {
    let text = this.#texts.get(path)
    if (text === undefined) this.#texts.set(path, (text = readFileSync(join(this.#case.folder, path), 'utf8')))
    return parseYaml(fillTemplate(text, { Index: index, Count: count })) as Body
  }

  /** Posts the objects by many lanes at once. */
  async #post(count: number, make: (i: number) => Call[]): Promise<void> {
    let next = 0
    await Promise.all(Array.from({ length: Math.min(lanes, count) }, async (_, lane) => {
      for (let i = next++; i < count; i = next++) {
        for (const call of make(i)) {
          const answer = await this.#side.client.call(lane, call, false)
          if (answer.status >= 300) throw new Error(`${call.method} ${call.path}: ${answer.status} ${answer.text.slice(0, 300)}`)
        }
      }
    }))
  }

  async #createNodes(op: Operation, index: number): Promise<void> {
    const count = this.#count(op)
    const path = op['nodeTemplatePath'] as string | undefined
    const first = this.#nodes
    this.#nodes += count
    const allocatable = op['nodeAllocatableStrategy'] as { nodeAllocatable?: Fields; csiNodeAllocatable?: Record<string, Fields>; migratedPlugins?: string[] } | undefined
    const label = op['labelNodePrepareStrategy'] as { labelKey: string; labelValues: string[] } | undefined
    const unique = op['uniqueNodeLabelStrategy'] as { labelKey: string } | undefined
    await this.#post(count, (i) => {
      const node = path === undefined ? baseNode(`node-${index}-`) : this.#object(path, first + i, count)
      // A name of our own, so that what belongs to the node can be named before it is there.
      node.metadata.name ??= `${node.metadata.generateName ?? 'node-'}${first + i}`
      const { name } = node.metadata
      const labels = { ...(node.metadata['labels'] as Fields | undefined) }
      labels['kubernetes.io/hostname'] ??= name
      if (label !== undefined) labels[label.labelKey] = label.labelValues[i % label.labelValues.length]
      if (unique !== undefined) labels[unique.labelKey] = `unique-${first + i}`
      node.metadata['labels'] = labels
      const status = node['status'] as Fields
      const calls: Call[] = [create(collections['Node']!, { ...node, status: { ...status, allocatable: { ...(status['capacity'] as Fields), ...allocatable?.nodeAllocatable } } })]
      if (allocatable !== undefined) {
        const drivers = Object.entries(allocatable.csiNodeAllocatable ?? {}).map(([driver, limits]) => ({ name: driver, nodeID: name, allocatable: limits }))
        const annotations = { 'storage.alpha.kubernetes.io/migrated-plugins': (allocatable.migratedPlugins ?? []).join(',') }
        calls.push(create(collections['CSINode']!, { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: { name, annotations }, spec: { drivers } }))
      }
      return calls
    })
  }

  async #createNamespaces(op: Operation): Promise<void> {
    const path = op['namespaceTemplatePath'] as string | undefined
    const count = this.#count(op)
    for (let i = 0; i < count; i++) {
      const name = `${op['prefix'] as string}-${i}`
      const body = path === undefined ? { apiVersion: 'v1', kind: 'Namespace', metadata: {} } : this.#object(path, i, count)
      await this.#side.client.ok(create('/api/v1/namespaces', { ...body, metadata: { ...body.metadata, name } }))
      this.#wanted.set(name, 0)
    }
  }

  async #namespace(name: string): Promise<void> {
    if (this.#wanted.has(name)) return
    await this.#side.client.ok(create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }))
    this.#wanted.set(name, 0)
  }

  async #createPods(op: Operation, index: number): Promise<void> {
    const namespace = (op['namespace'] as string | undefined) ?? `namespace-${index}`
    await this.#namespace(namespace)
    const count = this.#count(op)
    const path = (op['podTemplatePath'] as string | undefined) ?? this.#case.defaultPodTemplatePath
    const steady = this.#value(op, 'steadyState') === true
    if (op['collectMetrics'] === true) await this.#startCollecting([namespace], undefined)
    if (!steady) await this.#post(count, (i) => this.#podCalls(op, path, namespace, i, count))
    if (op['skipWaitToCompletion'] === true) this.#wanted.set(namespace, this.#wanted.get(namespace)! + count)
    else if (steady) await this.#steadily(op, path, namespace, count)
    else await this.#until(`pods of ${namespace} are scheduled`, () => this.#pods.count(namespace, undefined, 'scheduled') >= count)
    if (op['collectMetrics'] === true) await this.#stopCollecting()
  }

  #podCalls(op: Operation, path: string | undefined, namespace: string, i: number, count: number): Call[] {
    const pod = path === undefined ? basePod() : this.#object(path, i, count)
    pod.metadata.namespace = namespace
    const claimPath = op['persistentVolumeClaimTemplatePath'] as string | undefined
    if (claimPath === undefined) return [create(collection('Pod', namespace), pod)]
    const claim = this.#object(claimPath, i, count)
    const volume = this.#object(op['persistentVolumeTemplatePath'] as string, i, count)
    const claimName = `pvc-${i}`
    const name = `${namespace}-pv-${i}`
    const spec = volume['spec'] as Fields
    if (spec['csi'] !== undefined) spec['csi'] = { ...(spec['csi'] as Fields), volumeHandle: name }
    if (spec['awsElasticBlockStore'] !== undefined) spec['awsElasticBlockStore'] = { ...(spec['awsElasticBlockStore'] as Fields), volumeID: name }
    spec['claimRef'] = { kind: 'PersistentVolumeClaim', namespace, name: claimName, apiVersion: 'v1' }
    const podSpec = { ...(pod['spec'] as Fields), volumes: [{ name: 'vol', persistentVolumeClaim: { claimName } }] }
    const claims = collection('PersistentVolumeClaim', namespace)
    return [
      create(claims, { ...claim, metadata: { ...claim.metadata, name: claimName }, spec: { ...(claim['spec'] as Fields), volumeName: name } }),
      patchStatus(`${claims}/${claimName}`, { phase: 'Bound' }),
      create(collections['PersistentVolume']!, { ...volume, metadata: { name }, spec }),
      patchStatus(`${collections['PersistentVolume']!}/${name}`, { phase: 'Bound' }),
      create(collection('Pod', namespace), { ...pod, spec: podSpec }),
    ]
  }

  /** Batches, each made when the one before is scheduled and deleted, for a while. */
  async #steadily(op: Operation, path: string | undefined, namespace: string, count: number): Promise<void> {
    const end = performance.now() + parseDuration(this.#value(op, 'duration') as string)!
    let scheduled = 0
    const stop = this.#pods.onScheduled((pod) => {
      if (pod.namespace === namespace) scheduled++
    })
    for (let batch = 1; performance.now() < end; batch++) {
      await this.#post(count, (i) => this.#podCalls(op, path, namespace, i, count))
      while (scheduled < batch * count && performance.now() < end) await sleep(5)
      await this.#side.client.ok({ method: 'DELETE', path: `${collection('Pod', namespace)}?gracePeriodSeconds=0&propagationPolicy=Background` })
    }
    stop()
  }

  async #createAny(op: Operation): Promise<void> {
    const count = this.#count(op)
    const namespace = op['namespace'] as string | undefined
    if (namespace !== undefined) await this.#namespace(namespace)
    await this.#post(count, (i) => {
      const object = this.#object(op['templatePath'] as string, i, count)
      return [create(collection(object.kind, namespace ?? ''), object)]
    })
  }

  /** Each object as its template says, with its subresources, then its status (upstream: update.go). */
  async #updateAny(op: Operation): Promise<void> {
    const count = this.#count(op)
    const perSecond = (op['updatePerSecond'] as number | undefined) ?? 0
    const subresources = (op['subresources'] as string[] | undefined) ?? []
    const began = performance.now()
    for (let i = 0; i < count; i++) {
      const due = perSecond === 0 ? 0 : began + ((i + 1) * 1000) / perSecond
      if (due > performance.now()) await sleep(due - performance.now())
      const object = this.#object(op['templatePath'] as string, i, count)
      const path = `${collection(object.kind, (op['namespace'] as string | undefined) ?? '')}/${object.metadata.name!}`
      for (const at of [subresources.join('/'), 'status']) {
        await this.#side.client.ok({ method: 'PUT', path: at === '' ? path : `${path}/${at}`, headers: json, body: JSON.stringify(object) })
      }
    }
  }

  async #deletePods(op: Operation): Promise<void> {
    const namespace = op['namespace'] as string
    const labels = op['labelSelector'] as Selector
    const perSecond = op['deletePodsPerSecond'] as number | undefined
    const path = collection('Pod', namespace)
    const work = async () => {
      if (perSecond === undefined || perSecond === 0) {
        const selector = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`).join(',')
        return void await this.#side.client.ok({ method: 'DELETE', path: `${path}?labelSelector=${encodeURIComponent(selector)}` })
      }
      const began = performance.now()
      for (const [i, name] of this.#pods.names(namespace, labels).entries()) {
        const due = began + ((i + 1) * 1000) / perSecond
        while (!this.#done && due > performance.now()) await sleep(Math.min(50, due - performance.now()))
        if (this.#done) return
        await this.#side.client.ok({ method: 'DELETE', path: `${path}/${name}` })
      }
    }
    if (op['skipWaitToCompletion'] === true) this.#background.push(work())
    else await work()
  }

  async #churn(op: Operation, index: number): Promise<void> {
    const namespace = (op['namespace'] as string | undefined) ?? `namespace-${index}`
    await this.#namespace(namespace)
    const paths = op['templatePaths'] as string[]
    const interval = (op['intervalMilliseconds'] as number | undefined) ?? 500
    const recreates = op['mode'] === 'recreate'
    const number = (op['number'] as number | undefined) ?? 0
    const places = Array.from({ length: Math.max(1, number) }, () => new Map<string, string>())
    const turn = async (i: number) => {
      const made = places[i % places.length]!
      for (const path of paths) {
        const object = this.#object(path, i, number)
        const at = collection(object.kind, namespace)
        const old = made.get(path)
        if (recreates && old !== undefined) {
          made.delete(path)
          await this.#side.client.call(0, { method: 'DELETE', path: `${at}/${old}` })
          continue
        }
        const { status, text } = await this.#side.client.call(0, create(at, object))
        if (status < 300) made.set(path, (JSON.parse(text) as Body).metadata.name!)
      }
    }
    this.#background.push((async () => {
      const began = performance.now()
      for (let i = 0; !this.#done && (recreates || number === 0 || i < number); i++) {
        const due = began + (i + 1) * interval
        while (!this.#done && due > performance.now()) await sleep(Math.min(50, Math.max(0, due - performance.now())))
        if (!this.#done) await turn(i)
      }
    })())
  }

  async #barrier(op: Operation): Promise<void> {
    const namespaces = (op['namespaces'] as string[] | undefined) ?? [...this.#wanted.keys()]
    const what = op['stageRequirement'] === 'Attempted' ? 'attempted' : 'scheduled'
    const labels = op['labelSelector'] as Selector
    for (const namespace of namespaces) {
      const count = this.#wanted.get(namespace) ?? 0
      await this.#until(`pods of ${namespace} are ${what}`, () => this.#pods.count(namespace, labels, what) >= count)
      if (what === 'scheduled') this.#wanted.set(namespace, 0)
    }
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    const end = performance.now() + limitMs
    while (!holds()) {
      if (performance.now() > end) throw new Error(`after ten minutes it does not hold that ${what}`)
      await sleep(20)
    }
  }

  async #startCollecting(namespaces: readonly string[], labels: Selector): Promise<void> {
    const before = await this.#side.metrics()
    const times: number[] = [performance.now()]
    const stop = this.#pods.onScheduled((pod, at) => {
      if (namespaces.includes(pod.namespace) && Object.entries(labels ?? {}).every(([key, value]) => pod.labels[key] === value)) times.push(at)
    })
    this.#collecting = {
      before, cpu: this.#side.cpuSeconds(),
      stop() {
        stop()
        return times
      },
    }
  }

  async #stopCollecting(): Promise<void> {
    const { before, cpu, stop } = this.#collecting!
    this.#collecting = undefined
    const times = stop()
    const pods = times.length - 1
    const cpuMs = (this.#side.cpuSeconds() - cpu) * 1000
    const after = await this.#side.metrics()
    this.results.push({
      pods, podsPerSecond: (pods * 1000) / (times.at(-1)! - times[0]!), cpuMsPerPod: cpuMs / pods, memoryMiB: this.#side.memoryMiB(),
      p99AttemptMs: p99('scheduling_attempt_duration_seconds', before, after), p99AlgorithmMs: p99('scheduling_algorithm_duration_seconds', before, after),
    })
  }
}

/**
 * The 99th percentile of one of the scheduler's histograms between two scrapes, in ms, read off the buckets as Prometheus does.
 * Of several series those of scheduled pods count.
 */
function p99(metric: string, before: string, after: string): number {
  const lines = new RegExp(`^scheduler_${metric}_bucket\\{([^}]*)\\} (\\S+)$`, 'gm')
  const buckets = (text: string) => {
    const counts = new Map<number, number>()
    for (const [, labels = '', count] of text.matchAll(lines)) {
      if (/result="(?!scheduled")/.test(labels)) continue
      const le = /(?:^|,)le="([^"]+)"/.exec(labels)![1]!
      const bound = le === '+Inf' ? Infinity : Number(le)
      counts.set(bound, (counts.get(bound) ?? 0) + Number(count))
    }
    return counts
  }
  const start = buckets(before)
  const counts = [...buckets(after)].map(([le, count]) => ({ le, count: count - (start.get(le) ?? 0) }))
  const wanted = (counts.at(-1)?.count ?? 0) * 0.99
  const at = counts.findIndex(({ count }) => count >= wanted)
  if (at < 0) return Number.NaN
  const low = counts[at - 1] ?? { le: 0, count: 0 }
  const high = counts[at]!
  const share = high.count === low.count ? 0 : (wanted - low.count) / (high.count - low.count)
  return (low.le + (Math.min(high.le, 60) - low.le) * share) * 1000
}

function collection(kind: string, namespace: string): string {
  const path = collections[kind]
  if (path === undefined) throw new Error(`objects of kind ${kind} are not known`)
  return path.replace('{ns}', namespace)
}

function create(path: string, body: object): Call {
  return { method: 'POST', path, headers: json, body: JSON.stringify(body) }
}

function patchStatus(path: string, status: object): Call {
  return { method: 'PATCH', path: `${path}/status`, headers: strategicPatch, body: JSON.stringify({ status }) }
}

function baseNode(prefix: string): Body {
  const capacity = { pods: '110', cpu: '4', memory: '32Gi' }
  return { apiVersion: 'v1', kind: 'Node', metadata: { generateName: prefix }, status: { capacity, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }
}

function basePod(): Body {
  const resources = { limits: { cpu: '100m', memory: '500Mi' }, requests: { cpu: '100m', memory: '500Mi' } }
  return {
    apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'pod-' },
    spec: { containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10.2', ports: [{ containerPort: 80 }], resources }] },
  }
}
