/** How values lie in the store: encrypted as configured, in upstream's encoding. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeProtobuf, encodeProtobuf, isProtobuf } from '../../src/api/codec/protobuf.ts'
import { openEtcdStore } from '../../src/apiserver/storage/etcd/etcd.ts'
import { systemClock } from '../../src/base/real/env.ts'

/** One resource for each way of encrypting, so that each reads what the other has encrypted. */
const encrypted = { secrets: 'secretbox', configmaps: 'aescbc', 'controllerrevisions.apps': 'aesgcm', podtemplates: 'kms' } as const

/** Where the key management service listens. */
export const kmsSocket = (folder: string): string => join(folder, 'kms.sock')

/** Answers the file. */
export function writeEncryption(folder: string): string {
  const file = join(folder, 'encryption.json')
  const secret = Buffer.alloc(32, 'k').toString('base64')
  const kms = { apiVersion: 'v2', name: 'key', endpoint: `unix://${kmsSocket(folder)}` }
  const resources = Object.entries(encrypted).map(([resource, provider]) => ({ resources: [resource], providers: [{ [provider]: provider === 'kms' ? kms : { keys: [{ name: 'key', secret }] } }] }))
  writeFileSync(file, JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }))
  return file
}

/** Whether a value lies as the configuration of encryption wants it. */
function isAsWanted(key: string, value: Uint8Array): boolean {
  const provider = Object.entries(encrypted).find(([resource]) => key.startsWith(`/registry/${resource.split('.')[0]}/`))?.[1]
  return Buffer.from(value.subarray(0, 8)).toString('latin1') === 'k8s:enc:' ? Buffer.from(value).toString('latin1').startsWith(`k8s:enc:${provider}:${provider === 'kms' ? 'v2' : 'v1'}:key:`) : provider === undefined
}

/** Keys of what was stored below /registry, and those whose bytes our encoder would have made otherwise. */
export async function stored(etcdUrl: string): Promise<{ keys: string[]; protobuf: number; otherwise: string[]; plain: string[] }> {
  const store = openEtcdStore({ endpoints: [etcdUrl], clock: systemClock })
  const { items } = await store.list('/registry/')
  await store.close()
  const otherwise: string[] = []
  let protobuf = 0
  for (const { key, value } of items) {
    if (!isProtobuf(value)) continue
    protobuf++
    try {
      const again = encodeProtobuf(decodeProtobuf(value))
      if (!again.equals(value)) otherwise.push(`${key} (${value.length} bytes, ours ${again.length})`)
    } catch (error) {
      otherwise.push(`${key}: ${String(error)}`)
    }
  }
  return { keys: items.map(({ key }) => key), protobuf, otherwise, plain: items.filter(({ key, value }) => !isAsWanted(key, value)).map(({ key }) => key) }
}
