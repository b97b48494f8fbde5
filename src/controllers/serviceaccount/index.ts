import type { Namespace } from '../../api/generated/types/core-v1.ts'
import { namespaces, serviceAccounts } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { create } from '../../client/steps.ts'
import { ownKey } from '../shared/owners.ts'

interface Snapshot {
  readonly namespace: Namespace
  readonly exists: boolean
}

const accountName = 'default'

/** Every active namespace has a service account "default" (upstream: pkg/controller/serviceaccount). */
export const serviceAccountController: ControllerDefinition<Snapshot> = {
  name: 'serviceaccount-controller',
  workers: 1,
  watches: [
    watch(namespaces, ownKey, { deleted: false }),
    watch(serviceAccounts, ({ metadata }) => (metadata.name === accountName ? [metadata.namespace ?? ''] : []), { changed: () => false }),
  ],
  snapshot(key, informers) {
    const namespace = informers.of(namespaces).get(key)
    if (namespace === undefined) return undefined
    return { namespace, exists: informers.of(serviceAccounts).get({ namespace: key, name: accountName }) !== undefined }
  },
  plan({ namespace, exists }) {
    if (exists || namespace.status?.phase !== 'Active' || namespace.metadata.deletionTimestamp !== undefined) return { steps: [] }
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: accountName, namespace: namespace.metadata.name } }
    return { steps: [create(serviceAccounts, account, { ignore: ['AlreadyExists'] })] }
  },
}
