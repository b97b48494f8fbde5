import type { ConfigMap, Namespace } from '../../api/generated/types/core-v1.ts'
import { configMaps, namespaces } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { create, update } from '../../client/steps.ts'
import { ownKey } from '../shared/owners.ts'

interface Snapshot {
  readonly namespace: Namespace
  readonly published: ConfigMap | undefined
}

const mapName = 'kube-root-ca.crt'
const descriptionKey = 'kubernetes.io/description'
const description = 'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints '
  + 'such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

/** Every namespace has the API server's CA in a config map (upstream: pkg/controller/certificates/rootcacertpublisher). */
export function rootCaPublisher(rootCA: string): ControllerDefinition<Snapshot> {
  return {
    name: 'root-ca-certificate-publisher-controller',
    workers: 1,
    watches: [
      watch(namespaces, ownKey, { deleted: false }),
      watch(configMaps, ({ metadata }) => (metadata.name === mapName ? [metadata.namespace ?? ''] : [])),
    ],
    snapshot(key, informers) {
      const namespace = informers.of(namespaces).get(key)
      if (namespace === undefined) return undefined
      return { namespace, published: informers.of(configMaps).get({ namespace: key, name: mapName }) }
    },
    plan({ namespace, published }) {
      if (namespace.status?.phase !== 'Active' || namespace.metadata.deletionTimestamp !== undefined) return { steps: [] }
      const data = { 'ca.crt': rootCA }
      if (published === undefined) {
        const metadata = { name: mapName, namespace: namespace.metadata.name, annotations: { [descriptionKey]: description } }
        return { steps: [create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { ignore: ['AlreadyExists', 'NotFound'] })] }
      }
      const described = (published.metadata.annotations?.[descriptionKey] ?? '') !== ''
      if (described && equalJson(published.data, data)) return { steps: [] }
      const annotations = { ...published.metadata.annotations, [descriptionKey]: description }
      return { steps: [update(configMaps, { ...published, metadata: { ...published.metadata, annotations }, data })] }
    },
    measure({ code, seconds }, metrics) {
      const labels = { code: String(code) }
      const help = 'Number of namespace syncs happened in root ca cert publisher.'
      metrics.counter('root_ca_cert_publisher_sync_total', help, ['code']).inc(labels)
      metrics.histogram('root_ca_cert_publisher_sync_duration_seconds', help, Array.from({ length: 15 }, (_, at) => 0.001 * 2 ** at), ['code']).observe(seconds, labels)
    },
  }
}
