/** Reads a kubeconfig's value (upstream: client-go/tools/clientcmd). Files are read by http/kubeconfig-file.ts. */
export interface ClientConfig {
  /** "https://127.0.0.1:6443", without a slash at the end. */
  readonly server: string
  readonly namespace?: string
  readonly ca?: Material
  readonly cert?: Material
  readonly key?: Material
  readonly token?: string
  readonly tokenFile?: string
  readonly username?: string
  readonly password?: string
  readonly insecureSkipTlsVerify?: boolean
  readonly tlsServerName?: string
  readonly impersonate?: { readonly user: string; readonly groups: readonly string[] }
}

/** PEM text, or the file that holds it. */
export type Material = { readonly pem: string } | { readonly file: string }

export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
}

type Fields = Record<string, unknown>

/**
 * The configuration of a context (default: the current one). `resolveFile` makes relative file names absolute.
 * Throws KubeconfigError when the context, its cluster or its user is missing.
 */
export function parseKubeconfig(value: unknown, options: { context?: string; resolveFile?: (name: string) => string } = {}): ClientConfig {
  if (!isFields(value)) throw new KubeconfigError('a kubeconfig must be an object')
  const wanted = options.context ?? text(value['current-context']) ?? ''
  if (wanted === '') throw new KubeconfigError('no context is chosen, and current-context is not set')
  const context = named(value, 'contexts', 'context', wanted)
  if (context === undefined) throw new KubeconfigError(`context was not found for specified context: ${wanted}`)
  const clusterName = text(context['cluster']) ?? ''
  const cluster = named(value, 'clusters', 'cluster', clusterName)
  if (cluster === undefined) throw new KubeconfigError(`cluster ${JSON.stringify(clusterName)} does not exist`)
  const userName = text(context['user'])
  const user = userName === undefined || userName === '' ? {} : named(value, 'users', 'user', userName)
  if (user === undefined) throw new KubeconfigError(`auth info ${JSON.stringify(userName)} does not exist`)
  const server = text(cluster['server']) ?? ''
  if (server === '') throw new KubeconfigError(`no server found for cluster ${JSON.stringify(clusterName)}`)

  const resolve = options.resolveFile ?? ((name: string) => name)
  const tokenFile = text(user['tokenFile'])
  const as = text(user['as'])
  const groups = Array.isArray(user['as-groups']) ? user['as-groups'].map(String) : []
  return {
    server: server.replace(/\/+$/, ''),
    namespace: text(context['namespace']),
    ca: material(cluster, 'certificate-authority', resolve),
    cert: material(user, 'client-certificate', resolve),
    key: material(user, 'client-key', resolve),
    token: text(user['token']),
    tokenFile: tokenFile === undefined ? undefined : resolve(tokenFile),
    username: text(user['username']),
    password: text(user['password']),
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'] === true,
    tlsServerName: text(cluster['tls-server-name']),
    ...(as === undefined ? {} : { impersonate: { user: as, groups } }),
  }
}

/** Data wins over a file name, as in upstream. */
function material(fields: Fields, name: string, resolve: (name: string) => string): Material | undefined {
  const data = text(fields[`${name}-data`])
  if (data !== undefined && data !== '') return { pem: Buffer.from(data, 'base64').toString('utf8') }
  const file = text(fields[name])
  return file === undefined || file === '' ? undefined : { file: resolve(file) }
}

function named(config: Fields, list: string, member: string, name: string): Fields | undefined {
  const entries = config[list]
  if (!Array.isArray(entries)) return undefined
  const entry: unknown = entries.find((candidate) => isFields(candidate) && candidate['name'] === name)
  return isFields(entry) && isFields(entry[member]) ? entry[member] : undefined
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
