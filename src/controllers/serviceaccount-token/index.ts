/** Fills the token secrets of old, and removes those whose account is gone (upstream: serviceaccount/tokens_controller.go). */
import type { Secret, ServiceAccount } from '../../api/generated/types/core-v1.ts'
import { secrets, serviceAccounts } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { type KeyedContext, type KeyedController, watch } from '../../client/controller.ts'
import type { Informers } from '../../client/informer.ts'
import { defineIndex, type Index, keyOf } from '../../client/lister.ts'
import type { ControllerManagerOptions } from '../options.ts'

const tokenType = 'kubernetes.io/service-account-token'
const nameAnnotation = 'kubernetes.io/service-account.name'
const uidAnnotation = 'kubernetes.io/service-account.uid'

const tokensByAccount: Index<Secret> = defineIndex('account', (secret) => {
  const name = secret.metadata.annotations?.[nameAnnotation]
  return secret.type === tokenType && name !== undefined ? [`${secret.metadata.namespace}/${name}`] : []
})

/** undefined without a key to sign with: there is nothing that it could put into a secret. */
export function serviceAccountTokenController(options: ControllerManagerOptions): KeyedController | undefined {
  if (options.signServiceAccountToken === undefined) return undefined
  return {
    name: 'serviceaccount-token-controller',
    workers: 5,
    watches: [
      watch(secrets, (secret) => (secret.type === tokenType ? [keyOf(secret)] : []), { deleted: false }),
      watch(serviceAccounts, (account, informers) => tokenKeys(account, informers), { changed: () => false }),
    ],
    sync: (key, context) => syncSecret(key, context, options),
  }
}

const tokenKeys = (account: ServiceAccount, informers: Informers): string[] =>
  informers.of(secrets).by(tokensByAccount, keyOf(account)).map(keyOf)

async function syncSecret(key: string, { client, informers, signal }: KeyedContext, options: ControllerManagerOptions): Promise<void> {
  const cached = informers.of(secrets).get(key)
  if (cached === undefined || cached.type !== tokenType || cached.metadata.deletionTimestamp !== undefined) return
  const account = await accountOf(cached, { client, signal })
  const { namespace, name = '', uid } = cached.metadata
  if (account === undefined) {
    try {
      await client.delete(secrets, { namespace, name }, { preconditions: { uid }, signal })
    } catch (error) {
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
    }
    return
  }
  const data = await missingData(cached, account, options)
  const annotated = cached.metadata.annotations?.[uidAnnotation] === account.metadata.uid
  if (Object.keys(data).length === 0 && annotated) return
  const annotations = { ...cached.metadata.annotations, [uidAnnotation]: account.metadata.uid ?? '' }
  await client.update(secrets, { ...cached, metadata: { ...cached.metadata, annotations }, data: { ...cached.data, ...data } }, { signal })
}

/** The account that the secret names, as it is now; undefined when it is gone or another one. */
async function accountOf(
  { metadata }: Secret, { client, signal }: Pick<KeyedContext, 'client' | 'signal'>,
): Promise<ServiceAccount | undefined> {
  const name = metadata.annotations?.[nameAnnotation] ?? ''
  if (name === '') return undefined
  try {
    const account = await client.get(serviceAccounts, { namespace: metadata.namespace, name }, { signal })
    const uid = metadata.annotations?.[uidAnnotation] ?? ''
    return uid === '' || uid === account.metadata.uid ? account : undefined
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined
    throw error
  }
}

async function missingData(secret: Secret, account: ServiceAccount, options: ControllerManagerOptions): Promise<Record<string, string>> {
  const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64')
  const data: Record<string, string> = {}
  const { namespace = '', name = '', uid = '' } = account.metadata
  if (options.rootCA !== undefined && secret.data?.['ca.crt'] !== encode(options.rootCA)) data['ca.crt'] = encode(options.rootCA)
  if ((secret.data?.['namespace'] ?? '') === '') data['namespace'] = encode(namespace)
  if ((secret.data?.['token'] ?? '') === '') {
    data['token'] = encode(await options.signServiceAccountToken!({ namespace, name, uid, secretName: secret.metadata.name ?? '' }))
  }
  return data
}
