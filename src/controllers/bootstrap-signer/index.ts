/** Signs the cluster's public facts with every bootstrap token (upstream: pkg/controller/bootstrap/bootstrapsigner.go). */
import { createHmac } from 'node:crypto'
import type { ConfigMap, Secret } from '../../api/generated/types/core-v1.ts'
import { configMaps, secrets } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { update } from '../../client/steps.ts'
import { bootstrapTokenType, secretData, secretExpiry } from '../shared/bootstrap-tokens.ts'

interface Snapshot {
  readonly info: ConfigMap
  readonly tokens: readonly Secret[]
}

const key = 'kube-public/cluster-info'
const signaturePrefix = 'jws-kubeconfig-'
const namePrefix = 'bootstrap-token-'

export const bootstrapSignerController: ControllerDefinition<Snapshot> = {
  name: 'bootstrap-signer-controller',
  workers: 1,
  watches: [
    watch(configMaps, ({ metadata }) => (`${metadata.namespace}/${metadata.name}` === key ? [key] : []), { deleted: false }),
    watch(secrets, ({ metadata, type }) => (type === bootstrapTokenType && metadata.namespace === 'kube-system' ? [key] : [])),
  ],
  snapshot(_, informers) {
    const info = informers.of(configMaps).get(key)
    if (info === undefined) return undefined
    return { info, tokens: informers.of(secrets).list('kube-system').filter(({ type }) => type === bootstrapTokenType) }
  },
  plan({ info, tokens }, { now }) {
    const content = info.data?.['kubeconfig']
    if (content === undefined) return { steps: [] }
    const data = Object.fromEntries(Object.entries(info.data ?? {}).filter(([name]) => !name.startsWith(signaturePrefix)))
    for (const secret of tokens) {
      const token = signingToken(secret, now)
      if (token !== undefined) data[signaturePrefix + token.id] = detachedSignature(content, token.id, token.secret)
    }
    return { steps: equalJson(data, info.data) ? [] : [update(configMaps, { ...info, data }, { ignore: ['Conflict', 'NotFound'] })] }
  },
}

/** The token's two halves when it may be used to sign at `now`. */
function signingToken(secret: Secret, now: number): { id: string; secret: string } | undefined {
  const id = secretData(secret, 'token-id')
  const value = secretData(secret, 'token-secret')
  if (id === '' || value === '' || secret.metadata.name !== namePrefix + id) return undefined
  if (secretExpiry(secret) <= now || secretData(secret, 'usage-bootstrap-signing') !== 'true') return undefined
  return { id, secret: value }
}

/** A compact JWS (HS256) without its content. */
function detachedSignature(content: string, id: string, secret: string): string {
  const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64url')
  const header = encode(JSON.stringify({ alg: 'HS256', kid: id }))
  return `${header}..${createHmac('sha256', secret).update(`${header}.${encode(content)}`).digest('base64url')}`
}
