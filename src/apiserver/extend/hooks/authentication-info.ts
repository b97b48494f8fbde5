/** kube-system/extension-apiserver-authentication: how aggregated servers know our users. */
import { configMaps } from '../../../api/generated/resources.ts'
import type { ConfigMap } from '../../../api/generated/types/core-v1.ts'
import { type PostStartHook, ensureObject } from './hooks.ts'

export interface AuthenticationInfo {
  readonly clientCA?: string
  readonly requestHeaderCA?: string
  readonly requestHeaderAllowedNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraHeaderPrefixes: readonly string[]
}

export function authenticationInfoHook(info: AuthenticationInfo): PostStartHook {
  const data: Record<string, string> = {
    ...(info.clientCA === undefined ? {} : { 'client-ca-file': info.clientCA }),
    ...(info.requestHeaderCA === undefined ? {} : {
      'requestheader-allowed-names': JSON.stringify(info.requestHeaderAllowedNames),
      'requestheader-client-ca-file': info.requestHeaderCA,
      'requestheader-extra-headers-prefix': JSON.stringify(info.extraHeaderPrefixes),
      'requestheader-group-headers': JSON.stringify(info.groupHeaders),
      'requestheader-uid-headers': JSON.stringify(info.uidHeaders),
      'requestheader-username-headers': JSON.stringify(info.usernameHeaders),
    }),
  }
  return {
    name: 'start-cluster-authentication-info-controller',
    async run({ client }) {
      const wanted: ConfigMap = {
        apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' }, data,
      }
      const stored = await ensureObject(client, configMaps, wanted)
      const same = Object.entries(data).every(([key, value]) => stored.data?.[key] === value)
      if (!same) await client.update(configMaps, { ...stored, data: { ...stored.data, ...data } })
    },
  }
}
