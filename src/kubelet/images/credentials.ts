/** Registry credentials from pull secrets. Upstream: pkg/credentialprovider. Pure. */
import type { Secret } from '../../api/generated/types/core-v1.ts'
import type { AuthConfig } from '../cri/contract.ts'

interface DockerAuth {
  auth?: string
  username?: string
  password?: string
  identitytoken?: string
  registrytoken?: string
}

/** Credentials for a repository, the best match first. Secrets that cannot be read are passed over. */
export function findCredentials(secrets: readonly Secret[], repository: string): AuthConfig[] {
  const found: { pattern: string; auth: AuthConfig }[] = []
  for (const secret of secrets) {
    for (const [registry, entry] of Object.entries(readAuths(secret))) {
      const pattern = registry.replace(/^https?:\/\//, '').replace(/^(index\.)?docker\.io(\/v1\/?)?$/, 'docker.io').replace(/\/(v[12]\/?)?$/, '')
      if (matches(pattern, repository)) found.push({ pattern, auth: toAuthConfig(entry, registry) })
    }
  }
  return found.sort((a, b) => (a.pattern < b.pattern ? 1 : -1)).map(({ auth }) => auth)
}

function readAuths(secret: Secret): Record<string, DockerAuth> {
  const read = (key: string): unknown => {
    const data = secret.data?.[key]
    if (data === undefined) return undefined
    try {
      return JSON.parse(Buffer.from(data, 'base64').toString('utf8'))
    } catch {
      return undefined
    }
  }
  if (secret.type === 'kubernetes.io/dockerconfigjson') return ((read('.dockerconfigjson') as { auths?: Record<string, DockerAuth> } | undefined)?.auths) ?? {}
  if (secret.type === 'kubernetes.io/dockercfg') return (read('.dockercfg') as Record<string, DockerAuth> | undefined) ?? {}
  return {}
}

function toAuthConfig(entry: DockerAuth, serverAddress: string): AuthConfig {
  let { username, password } = entry
  if (entry.auth !== undefined && username === undefined) {
    const text = Buffer.from(entry.auth, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    username = text.slice(0, colon)
    password = text.slice(colon + 1)
  }
  return { username, password, serverAddress, identityToken: entry.identitytoken, registryToken: entry.registrytoken }
}

/** Host parts may hold "*" for one part; paths match as prefixes. */
function matches(pattern: string, repository: string): boolean {
  const [host = '', ...path] = pattern.split('/')
  const [ownHost = '', ...ownPath] = repository.split('/')
  const parts = host.split('.')
  const ownParts = ownHost.split('.')
  if (parts.length !== ownParts.length) return false
  if (!parts.every((part, i) => part === ownParts[i] || (part.includes('*') && glob(part).test(ownParts[i]!)))) return false
  return ownPath.join('/').startsWith(path.join('/'))
}

function glob(part: string): RegExp {
  return new RegExp(`^${part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^.]*')}$`)
}
