import type { Secret } from '../../api/generated/types/core-v1.ts'
import { secrets } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import { keyOf } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { remove } from '../../client/steps.ts'
import { bootstrapTokenType, secretExpiry } from '../shared/bootstrap-tokens.ts'

const isToken = ({ type, metadata }: Secret): boolean => type === bootstrapTokenType && metadata.namespace === 'kube-system'

/** Removes bootstrap tokens whose time is over (upstream: pkg/controller/bootstrap/tokencleaner.go). */
export const tokenCleanerController: ControllerDefinition<Secret> = {
  name: 'token-cleaner-controller',
  workers: 1,
  watches: [watch(secrets, (secret) => (isToken(secret) ? [keyOf(secret)] : []), { deleted: false })],
  snapshot: (key, informers) => informers.of(secrets).get(key),
  plan(secret, { now }) {
    const end = secretExpiry(secret)
    if (!isToken(secret) || end === Infinity) return { steps: [] }
    if (end > now) return { steps: [], requeueAfterMs: end - now }
    const { namespace, name = '', uid } = secret.metadata
    return { steps: [remove(secrets, { namespace, name }, { preconditions: { uid } }, { ignore: ['NotFound', 'Conflict'] })] }
  },
}
