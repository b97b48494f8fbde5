/**
 * Gets pods the certificates that their projected volumes name, and new ones before they end. Nothing is kept over
 * restarts: a kubelet that starts asks anew. Upstream: pkg/kubelet/podcertificate.
 */
import type { Env } from '../../base/env.ts'
import type { Pod, PodCertificateProjection } from '../../api/generated/types/core-v1.ts'
import type { PodCertificateRequest } from '../../api/generated/types/certificates-v1beta1.ts'
import { podCertificateRequests, serviceAccounts } from '../../api/generated/resources.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { Client } from '../../client/client.ts'
import { SharedInformer } from '../../client/informer.ts'
import { podUid } from '../pod.ts'
import { newKeyAndStub } from './keys.ts'
import { type CertificateState, type CredentialBundle, abandonAfterMs, bundleOf, decide, metricState, waitsFor, withRequest } from './state.ts'

export interface PodCertificatesEnv extends Env {
  readonly client: Client
  node(): { readonly name: string; readonly uid: string } | undefined
  emit(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** The pod's certificates are others now, or it will never have any. */
  onChange(podUid: string): void
}

export interface PodCertificates {
  /** Sees to the certificates of the pod, from now on until it is forgotten. */
  track(pod: Pod): void
  forget(podUid: string): void
  /** What the source of that index of a projected volume is to hold. Throws Error with upstream's text. */
  bundle(pod: Pod, volume: string, source: number): CredentialBundle
}

/** For a kubelet without API server, or with the feature gate PodCertificateRequest off. */
export const noPodCertificates: PodCertificates = {
  track: () => undefined,
  forget: () => undefined,
  bundle() {
    throw new Error('unimplemented')
  },
}

interface Projection {
  readonly pod: Pod
  readonly source: PodCertificateProjection
  state: CertificateState
  running: boolean
  failures: number
}

const jitterMs = 300_000
const passMs = 60_000
const firstRetryMs = 500
const lastRetryMs = 1_000_000

/** Watches the requests of the node from the first pod on that has one. */
export function createPodCertificates(env: PodCertificatesEnv): PodCertificates {
  /** By pod UID, then "<volume>/<index of the source>". */
  const pods = new Map<string, Map<string, Projection>>()
  let requests: SharedInformer<PodCertificateRequest> | undefined
  const jitter = () => env.random.next() * jitterMs

  env.metrics.collect('kubelet_podcertificate_states', 'Gauge vector reporting the number of pod certificate projected volume sources, faceted by signer_name and state.', 'gauge', ['signer_name', 'state'], () => {
    const counts = new Map<string, [{ signer_name: string; state: string }, number]>()
    for (const { source, state } of [...pods.values()].flatMap((own) => [...own.values()])) {
      const labels = { signer_name: source.signerName, state: metricState(state, env.clock.now()) }
      const key = JSON.stringify(labels)
      counts.set(key, [labels, (counts.get(key)?.[1] ?? 0) + 1])
    }
    return counts.values()
  })

  function watch(): void {
    if (requests !== undefined) return
    const { name } = env.node()!
    requests = new SharedInformer(env, podCertificateRequests, { fieldSelector: `spec.nodeName=${name}` })
    const tell = ({ spec }: PodCertificateRequest) => driveAll(spec.podUID)
    requests.addHandler({ add: tell, update: tell, delete: tell })
    const { client, tasks, clock } = env
    tasks.go('watch pod certificate requests', (signal) => requests!.run(client, signal))
    tasks.go('pod certificates', async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(passMs * (1 + env.random.next()), signal)
        for (const uid of pods.keys()) driveAll(uid)
      }
    })
  }

  function driveAll(uid: string): void {
    for (const key of pods.get(uid)?.keys() ?? []) drive(uid, key)
  }

  function drive(uid: string, key: string): void {
    const own = pods.get(uid)?.get(key)
    if (own === undefined || own.running) return
    own.running = true
    env.tasks.go('pod certificate', async (signal) => {
      try {
        await advance(own, signal)
        own.failures = 0
      } catch (error) {
        if (signal.aborted) return
        env.log.warn('pod certificate was not asked for', { pod: own.pod.metadata.name, source: key, error })
        env.clock.setTimeout(() => drive(uid, key), Math.min(lastRetryMs, firstRetryMs * 2 ** own.failures++))
      } finally {
        own.running = false
      }
      const { pod } = own
      // What was told meanwhile.
      const waiting = waitsFor(own.state)
      if (waiting !== undefined && answered(seen(pod, waiting.request))) drive(podUid(pod), key)
    })
  }

  const seen = (pod: Pod, name: string) => requests!.get({ namespace: pod.metadata.namespace!, name })

  async function advance(own: Projection, signal: AbortSignal): Promise<void> {
    const before = own.state
    const waiting = waitsFor(before)
    const { state, events, ask } = decide(before, waiting === undefined ? undefined : seen(own.pod, waiting.request), env.clock.now(), jitter())
    own.state = state
    for (const { reason, message } of events) env.emit(own.pod, 'Warning', reason, message)
    const arrived = state.kind === 'held' && (before.kind !== 'held' || before.chain !== state.chain)
    if (arrived || (state.kind !== before.kind && (state.kind === 'denied' || state.kind === 'failed'))) env.onChange(podUid(own.pod))
    if (!ask) return
    const { key, request } = await makeRequest(own, signal)
    const created = parseTime(request.metadata.creationTimestamp ?? '') ?? env.clock.now()
    own.state = withRequest(own.state, { key, request: request.metadata.name!, abandonAt: created + abandonAfterMs + jitter() })
  }

  async function makeRequest({ pod, source }: Projection, signal: AbortSignal): Promise<{ key: string; request: PodCertificateRequest }> {
    const { name, namespace } = pod.metadata
    const { serviceAccountName = '' } = pod.spec!
    const node = env.node()
    if (node === undefined) throw new Error('while getting node object from local cache: the node is not known yet')
    const account = await env.client.get(serviceAccounts, { namespace, name: serviceAccountName }, { signal }).catch((error: Error): never => {
      throw new Error(`while fetching service account: ${error.message}`, { cause: error })
    })
    const { key, stub } = await newKeyAndStub(source.keyType)
    const request = await env.client.create(podCertificateRequests, {
      apiVersion: 'certificates.k8s.io/v1beta1', kind: 'PodCertificateRequest',
      metadata: { namespace, generateName: 'req-', ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: name!, uid: podUid(pod) }] },
      spec: {
        signerName: source.signerName, podName: name!, podUID: podUid(pod), serviceAccountName, serviceAccountUID: account.metadata.uid!,
        nodeName: node.name, nodeUID: node.uid, stubPKCS10Request: stub.toString('base64'),
        ...(source.maxExpirationSeconds === undefined ? {} : { maxExpirationSeconds: source.maxExpirationSeconds }),
        ...(source.userAnnotations === undefined ? {} : { unverifiedUserAnnotations: source.userAnnotations }),
      },
    }, { signal })
    return { key, request }
  }

  return {
    track(pod) {
      const uid = podUid(pod)
      if (pods.has(uid)) return
      const sources = (pod.spec!.volumes ?? []).flatMap(({ name, projected }) => (projected?.sources ?? []).flatMap(({ podCertificate }, i) =>
        podCertificate === undefined ? [] : [[`${name}/${i}`, podCertificate] as const]))
      if (sources.length === 0) return
      watch()
      pods.set(uid, new Map(sources.map(([key, source]) => [key, { pod, source, state: { kind: 'initial' }, running: false, failures: 0 }])))
      driveAll(uid)
    },
    forget: (uid) => void pods.delete(uid),
    bundle(pod, volume, source) {
      const own = pods.get(podUid(pod))?.get(`${volume}/${source}`)
      if (own === undefined) throw new Error(`no credentials yet for key={${[pod.metadata.namespace, pod.metadata.name, podUid(pod), volume, source].join(' ')}}`)
      return bundleOf(own.state)
    },
  }
}

function answered(request: PodCertificateRequest | undefined): boolean {
  return request?.status?.conditions?.some(({ type }) => ['Issued', 'Denied', 'Failed'].includes(type)) === true
}
