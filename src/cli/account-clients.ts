/** Clients that act as service accounts of kube-system (upstream: controller-manager/pkg/clientbuilder, client_builder_dynamic.go). */
import { readFileSync } from 'node:fs'
import type { TokenRequest } from '../api/generated/types/authentication-v1.ts'
import { serviceAccounts } from '../api/generated/resources.ts'
import { isStatus } from '../api/meta/errors.ts'
import { parseTime } from '../api/meta/time.ts'
import type { Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { createClient } from '../client/create-client.ts'
import { createConnection } from '../client/http/connection.ts'
import { httpTransport } from '../client/http/transport.ts'
import type { ClientConfig, Material } from '../client/kubeconfig.ts'

/** Tokens are asked for again when this part of their life is over. */
const freshness = 0.8

/** A client of each account; its tokens are asked for by `base` when they are needed, and accounts are made that do not exist. */
export function accountClients(env: Env, base: Client, config: ClientConfig, userAgent: string): (account: string) => Client {
  const { server, insecureSkipTlsVerify, tlsServerName } = config
  // No certificate: the token alone says who it is.
  const connection = createConnection(server, { ca: pem(config.ca), insecureSkipTlsVerify, tlsServerName }, {})
  const prefix = new URL(server).pathname.replace(/\/$/, '')
  return (account) => createClient(httpTransport(connection, prefix, tokensOf(env, base, account), { clock: env.clock, userAgent: `${userAgent}/${account}` }))
}

const pem = (material: Material | undefined): string | undefined =>
  (material === undefined ? undefined : 'pem' in material ? material.pem : readFileSync(material.file, 'utf8'))

function tokensOf(env: Env, base: Client, name: string): () => Promise<Record<string, string>> {
  const { clock } = env
  let current: Promise<{ token: string; until: number }> | undefined
  async function ask(): Promise<{ token: string; until: number }> {
    const key = { namespace: 'kube-system', name }
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
    const request = (): Promise<TokenRequest> => base.createSubresource(serviceAccounts, key, 'token', body)
    const { status } = await request().catch(async (error: unknown) => {
      if (!isStatus(error, 'NotFound')) throw error
      await base.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: key }).catch((other: unknown) => {
        if (!isStatus(other, 'AlreadyExists')) throw other
      })
      return request()
    })
    const lifeMs = (parseTime(status?.expirationTimestamp ?? '') ?? clock.now()) - clock.now()
    return { token: status?.token ?? '', until: clock.monotonic() + lifeMs * freshness }
  }
  return async () => {
    const held = await current?.catch(() => undefined)
    if (held === undefined || held.until < clock.monotonic()) current = ask()
    return { authorization: `Bearer ${(await current!).token}` }
  }
}
