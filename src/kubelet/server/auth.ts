/** Who calls the kubelet and what they may. Upstream: pkg/kubelet/server/auth.go, cmd/kubelet/app/auth.go. */
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../base/env.ts'
import type { TokenReview } from '../../api/generated/types/authentication-v1.ts'
import type { SubjectAccessReview } from '../../api/generated/types/authorization-v1.ts'
import { subjectAccessReviews, tokenReviews } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { KubeletServerOptions } from '../options.ts'

export interface Caller {
  readonly name: string
  readonly groups: readonly string[]
}

export interface Gate {
  /** undefined: not known (401). */
  authenticate(request: IncomingMessage): Promise<Caller | undefined>
  /** Why not; undefined: allowed. */
  authorize(caller: Caller, method: string, path: string): Promise<string | undefined>
}

const usualTtls = { authentication: 120_000, allowed: 300_000, denied: 30_000 }

export function createGate(clock: Clock, client: Client, nodeName: string, options: KubeletServerOptions): Gate {
  const ttls = options.cacheTtls ?? usualTtls
  const decisions = new Map<string, { allowed: boolean; until: number }>()
  const tokens = new Map<string, { caller: Caller; until: number }>()

  async function byToken(token: string): Promise<Caller | undefined> {
    const known = tokens.get(token)
    if (known !== undefined && known.until > clock.now()) return known.caller
    tokens.delete(token)
    const review = await client.create<TokenReview>(tokenReviews, {
      apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec: { token },
    })
    if (review.status?.authenticated !== true) return undefined
    const caller = { name: review.status.user?.username ?? '', groups: review.status.user?.groups ?? [] }
    if (tokens.size > 1000) tokens.clear()
    tokens.set(token, { caller, until: clock.now() + ttls.authentication })
    return caller
  }

  async function ask(caller: Caller, verb: string, subresource: string): Promise<boolean> {
    const key = JSON.stringify([caller.name, caller.groups, verb, subresource])
    const known = decisions.get(key)
    if (known !== undefined && known.until > clock.now()) return known.allowed
    const review = await client.create<SubjectAccessReview>(subjectAccessReviews, {
      apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata: {},
      spec: {
        user: caller.name, groups: [...caller.groups],
        resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName },
      },
    })
    const allowed = review.status?.allowed === true
    if (decisions.size > 1000) decisions.clear()
    decisions.set(key, { allowed, until: clock.now() + (allowed ? ttls.allowed : ttls.denied) })
    return allowed
  }

  return {
    async authenticate(request) {
      const socket = request.socket as TLSSocket
      if (options.clientCA !== undefined && socket.authorized) {
        const { subject } = socket.getPeerCertificate()
        const groups = subject?.O as string | string[] | undefined
        const name = subject?.CN as string | string[] | undefined
        if (typeof name === 'string') return { name, groups: [...(groups === undefined ? [] : [groups].flat()), 'system:authenticated'] }
      }
      const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
      if (bearer !== undefined && options.webhookAuthentication === true) return byToken(bearer)
      if (bearer === undefined && options.anonymous === true) return { name: 'system:anonymous', groups: ['system:unauthenticated'] }
      return undefined
    },
    async authorize(caller, method, path) {
      // The API server allows this group everything, so it need not be asked.
      if ((options.authorization ?? 'Webhook') === 'AlwaysAllow' || caller.groups.includes('system:masters')) return undefined
      const verb = ({ GET: 'get', HEAD: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as Record<string, string>)[method] ?? ''
      const subresources = subresourcesOf(path)
      for (const subresource of subresources) if (await ask(caller, verb, subresource)) return undefined
      return `Forbidden (user=${caller.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n`
    },
  }
}

/** Subresources of nodes, any of which opens the path. */
export function subresourcesOf(path: string): string[] {
  const under = (prefix: string) => path === prefix || path.startsWith(`${prefix}/`)
  const fine = under('/pods') || under('/runningpods') ? ['pods'] : under('/healthz') ? ['healthz'] : under('/configz') ? ['configz'] : []
  const coarse = under('/stats') ? 'stats' : under('/metrics') ? 'metrics' : under('/logs') ? 'log' : under('/checkpoint') ? 'checkpoint' :
    under('/statusz') ? 'statusz' : under('/flagz') ? 'configz' : 'proxy'
  return [...fine, coarse]
}
