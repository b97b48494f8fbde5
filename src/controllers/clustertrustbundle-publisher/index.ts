import { createHash } from 'node:crypto'
import type { ClusterTrustBundle } from '../../api/generated/types/certificates-v1beta1.ts'
import { clusterTrustBundles } from '../../api/generated/resources.ts'
import { type KeyedController, watch } from '../../client/controller.ts'
import { type ControllerDefinition, reconciler } from '../../client/reconcile.ts'
import { create, remove, update } from '../../client/steps.ts'

const signerName = 'kubernetes.io/kube-apiserver-serving'
const key = 'bundles'

/** Publishes what the API server's certificate is trusted by (upstream: certificates/clustertrustbundlepublisher). */
export function trustBundlePublisher(rootCA: string): KeyedController {
  const hash = createHash('sha256').update(rootCA).digest('hex').slice(0, 24)
  const name = `${signerName.replaceAll('/', ':')}:${hash}`
  const definition: ControllerDefinition<readonly ClusterTrustBundle[]> = {
    name: 'kube-apiserver-serving-clustertrustbundle-publisher-controller',
    workers: 1,
    watches: [watch(clusterTrustBundles, ({ spec }) => (spec.signerName === signerName ? [key] : []))],
    snapshot: (_, informers) => informers.of(clusterTrustBundles).list().filter(({ spec }) => spec.signerName === signerName),
    plan(bundles) {
      const ours = bundles.find(({ metadata }) => metadata.name === name)
      const spec = { signerName, trustBundle: rootCA }
      const wanted = { apiVersion: 'certificates.k8s.io/v1beta1', kind: 'ClusterTrustBundle', metadata: { name }, spec }
      const write = ours === undefined
        ? [create(clusterTrustBundles, wanted)]
        : ours.spec.trustBundle === rootCA ? [] : [update(clusterTrustBundles, { ...ours, spec })]
      const old = bundles.filter((bundle) => bundle !== ours)
        .map(({ metadata }) => remove(clusterTrustBundles, { name: metadata.name ?? '' }, undefined, { ignore: ['NotFound'], tolerate: true }))
      return { steps: [...write, ...old] }
    },
    measure({ code, seconds }, metrics) {
      const labels = { code: String(code) }
      metrics.counter('clustertrustbundle_publisher_sync_total', 'Number of syncs that occurred in cluster trust bundle publisher.', ['code']).inc(labels)
      metrics.histogram('clustertrustbundle_publisher_sync_duration_seconds', 'The time it took to sync a cluster trust bundle.', Array.from({ length: 15 }, (_, at) => 0.001 * 2 ** at), ['code']).observe(seconds, labels)
    },
  }
  return { ...reconciler(definition), initialKeys: [key] }
}
