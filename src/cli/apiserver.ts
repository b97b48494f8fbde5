/** `coxswain apiserver`: kube-apiserver with its own store. */
import { featuresFrom } from '../api/helpers/features.ts'
import type { LogLevel } from '../base/real/env.ts'
import type { Env } from '../base/env.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { releaseWhenQuiet } from '../base/real/quiet.ts'
import { parseTokenFile } from '../apiserver/auth/authenticators/token-file.ts'
import { type ServerPki, hostIdentity, loadPki, readText, writeText } from '../apiserver/http/files.ts'
import { kubeconfigText } from '../cluster/pki/kubeconfig.ts'
import type { ApiServerOptions } from '../apiserver/options.ts'
import { createApiServer } from '../apiserver/server.ts'
import { admissionConfiguration } from './apiserver-admission.ts'
import { auditFrom } from './apiserver-audit.ts'
import { type Command, type FlagValues, type Invocation, UsageError } from './command.ts'
import { apiserverFlags } from './flags/apiserver.ts'
import { join } from 'node:path'

export const command: Command = {
  name: 'apiserver',
  summary: 'The API server (kube-apiserver) with its store',
  description: 'Serves the Kubernetes API. Certificates and keys that are not given are made in --cert-dir, with a kubeconfig for the administrator.',
  flags: apiserverFlags,
  run,
}

async function run({ flags, stderr }: Invocation): Promise<number> {
  const log = createLogger({ level: (flags.string('log-level') ?? 'info') as LogLevel })
  const env = createSystemEnv({ log })
  env.tasks.go('memory', (signal) => releaseWhenQuiet(env.clock, signal))
  const { options, pki, certDir } = optionsFrom(flags)
  const audit = auditFrom(env, flags, fileText)
  const admissionFile = flags.string('admission-control-config-file') ?? ''
  const configuration = new Map(admissionFile === '' ? [] : admissionConfiguration(admissionFile, env.clock, fileText))
  configuration.set('DefaultTolerationSeconds', {
    'node.kubernetes.io/not-ready': flags.number('default-not-ready-toleration-seconds'), 'node.kubernetes.io/unreachable': flags.number('default-unreachable-toleration-seconds'),
  })
  // Ciphers take their time to load.
  const encryption = wanted(flags, 'encryption-provider-config') ? await (await import('./apiserver-encryption.ts')).encryptionFrom(env, flags, fileText) : undefined
  const server = await createApiServer(env, {
    ...options, flags: () => flags.texts(), ...await accessFrom(env, flags, options), ...(encryption === undefined ? {} : { encryption: encryption.holder }), ...(audit === undefined ? {} : { audit }), admissionPlugins: { ...options.admissionPlugins, configuration },
  })
  try {
    await server.start()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    stderr(`error: port ${flags.number('secure-port')} is in use: choose another with --secure-port\n`)
    await server.stop()
    return 1
  }
  const kubeconfig = flags.string('kubeconfig-out') ?? join(certDir, 'admin.kubeconfig')
  writeText(kubeconfig, kubeconfigText({ clusterName: 'default', server: server.url, caCert: pki.ca.cert, user: 'admin', credentials: pki.admin }), 0o600)
  encryption?.follow(server.store)
  log.info('serving', { url: server.url, kubeconfig })
  void server.ready.then(() => log.info('ready', { url: server.url }))
  await untilSignal()
  await server.stop()
  await env.tasks.stop()
  return 0
}

/** What flags say of those who know users and decide what they may do; loaded only where they do, because expressions take their time to load. */
async function accessFrom(env: Env, flags: FlagValues, options: ApiServerOptions): Promise<Partial<ApiServerOptions>> {
  const [front, authentication, tokens, authorization] = await Promise.all([
    ['cors-', 'goaway-', 'strict-', 'tls-sni-'].some((prefix) => wanted(flags, prefix)) ? import('./apiserver-front.ts') : undefined,
    wanted(flags, 'authentication-config') || wanted(flags, 'oidc-') ? import('./apiserver-authentication.ts') : undefined,
    wanted(flags, 'authentication-token-webhook-') ? import('./apiserver-access.ts') : undefined,
    wanted(flags, 'authorization-') ? import('./apiserver-authorization.ts') : undefined,
  ])
  return {
    ...(front === undefined ? {} : { front: front.frontFrom(flags), namedCertificates: front.namedCertificates(flags, fileText) }),
    ...authentication?.issuersFrom(env, flags, options, fileText), ...tokens?.tokenWebhookFrom(env, flags, options, fileText), ...authorization?.authorizationFrom(env, flags, fileText),
  }
}

/** Whether a flag of this beginning is given. */
const wanted = (flags: FlagValues, prefix: string): boolean => apiserverFlags.some(({ name }) => name.startsWith(prefix) && flags.given(name))

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
}

/** What the flags say; what they leave open is made and kept in `certDir`. */
export function optionsFrom(flags: FlagValues, certDir = flags.string('cert-dir') ?? '/var/run/kubernetes'): { options: ApiServerOptions; pki: ServerPki; certDir: string } {
  const host = hostIdentity()
  const bindAddress = flags.string('bind-address') ?? '0.0.0.0'
  const wildcard = bindAddress === '0.0.0.0' || bindAddress === '::'
  const advertiseAddress = flags.string('advertise-address') ?? (wildcard ? host.address : bindAddress)
  const ranges = flags.given('service-cluster-ip-range') ? flags.list('service-cluster-ip-range') : ['10.96.0.0/12']
  const pki = loadPki(certDir, {
    now: new Date(),
    dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', host.name],
    addresses: ['127.0.0.1', '::1', advertiseAddress, ...ranges.map(firstServiceAddress)],
  })
  const given = (name: string) => fileFlag(flags, name)
  const cert = given('tls-cert-file') ?? pki.server.cert
  const key = given('tls-private-key-file') ?? pki.server.key
  const tokenFile = given('token-auth-file')
  const options: ApiServerOptions = {
    ...(flags.string('data-dir') === undefined ? {} : { dataDir: flags.string('data-dir')! }),
    ...etcdFrom(flags), ...storeFrom(flags), hostName: host.name,
    tls: { cert, key }, bindAddress, advertiseAddress, securePort: flags.number('secure-port') ?? 6443,
    caCertificate: pki.ca.cert, clientCA: given('client-ca-file') ?? pki.ca.cert,
    requestHeader: requestHeaderFrom(flags, pki), proxyClient: proxyClientFrom(flags, pki),
    anonymousAuth: flags.bool('anonymous-auth'), bootstrapTokens: flags.bool('enable-bootstrap-token-auth'),
    ...(tokenFile === undefined ? {} : { tokenUsers: parseTokenFile(tokenFile) }),
    serviceAccount: serviceAccountFrom(flags, pki),
    serviceClusterIPRanges: ranges, kubelet: kubeletFrom(flags, pki),
    admissionPlugins: { enable: flags.list('enable-admission-plugins'), disable: flags.list('disable-admission-plugins') },
    priorityAndFairness: flags.bool('enable-priority-and-fairness'),
    limits: { readOnly: flags.number('max-requests-inflight') ?? 400, mutating: flags.number('max-mutating-requests-inflight') ?? 200 },
    requestTimeoutMs: flags.number('request-timeout') ?? 60_000,
    minRequestTimeoutMs: (flags.number('min-request-timeout') ?? 1800) * 1000,
    eventTtlSeconds: (flags.number('event-ttl') ?? 3_600_000) / 1000,
    runtimeConfig: switches(flags.map('runtime-config')), ...(flags.given('feature-gates') ? { feature: gatesFrom(flags.map('feature-gates')) } : {}),
  }
  return { options, pki, certDir }
}

function gatesFrom(given: Readonly<Record<string, string>>): (name: string) => boolean {
  try {
    return featuresFrom(given)
  } catch (error) {
    throw new UsageError(`invalid argument for "--feature-gates" flag: ${(error as Error).message}`)
  }
}

/** Throws UsageError for a file that was named and is not there. */
function fileFlag(flags: FlagValues, name: string): string | undefined {
  const path = flags.string(name)
  return path === undefined || path === '' ? undefined : fileText(path, name)
}

function fileText(path: string, flag: string): string {
  const text = readText(path)
  if (text === undefined) throw new UsageError(`--${flag}: open ${path}: no such file or directory`)
  return text
}

/** The keys begin with /registry themselves: a prefix of upstream's default adds nothing. */
function etcdFrom(flags: FlagValues): Pick<ApiServerOptions, 'etcd'> {
  const endpoints = flags.list('etcd-servers')
  if (endpoints.length === 0) return {}
  if (flags.string('data-dir') !== undefined) throw new UsageError('--data-dir and --etcd-servers exclude each other')
  const prefix = (flags.string('etcd-prefix') ?? '/registry').replace(/\/$/, '').replace(/\/registry$/, '')
  return {
    etcd: {
      endpoints, caFile: flags.string('etcd-cafile'), certFile: flags.string('etcd-certfile'), keyFile: flags.string('etcd-keyfile'),
      ...(prefix === '' ? {} : { prefix }),
    },
  }
}

function storeFrom(flags: FlagValues): Pick<ApiServerOptions, 'quotaBytes' | 'compactionIntervalMs' | 'storeChecksMs'> {
  return {
    quotaBytes: flags.number('quota-backend-bytes')!, compactionIntervalMs: flags.number('etcd-compaction-interval')!,
    storeChecksMs: { health: flags.number('etcd-healthcheck-timeout')!, ready: flags.number('etcd-readycheck-timeout')! },
  }
}

function kubeletFrom(flags: FlagValues, pki: ServerPki): NonNullable<ApiServerOptions['kubelet']> {
  const ca = fileFlag(flags, 'kubelet-certificate-authority')
  return {
    tls: {
      cert: fileFlag(flags, 'kubelet-client-certificate') ?? pki.kubeletClient.cert,
      key: fileFlag(flags, 'kubelet-client-key') ?? pki.kubeletClient.key, ...(ca === undefined ? {} : { ca }),
    },
    ...(flags.given('kubelet-preferred-address-types') ? { addressTypes: flags.list('kubelet-preferred-address-types') } : {}),
  }
}

/** Without files of its own the server proves itself to aggregated servers by what it made for that. */
function proxyClientFrom(flags: FlagValues, pki: ServerPki): NonNullable<ApiServerOptions['proxyClient']> {
  const [cert, key] = [fileFlag(flags, 'proxy-client-cert-file'), fileFlag(flags, 'proxy-client-key-file')]
  return cert === undefined || key === undefined ? pki.frontProxyClient : { cert, key }
}

function requestHeaderFrom(flags: FlagValues, pki: ServerPki): NonNullable<ApiServerOptions['requestHeader']> {
  const list = (name: string, otherwise: readonly string[]) => (flags.given(name) ? flags.list(name) : otherwise)
  return {
    clientCA: fileFlag(flags, 'requestheader-client-ca-file') ?? pki.frontProxyCA,
    allowedNames: list('requestheader-allowed-names', ['front-proxy-client']),
    usernameHeaders: list('requestheader-username-headers', ['X-Remote-User']),
    uidHeaders: list('requestheader-uid-headers', ['X-Remote-Uid']),
    groupHeaders: list('requestheader-group-headers', ['X-Remote-Group']),
    extraHeaderPrefixes: list('requestheader-extra-headers-prefix', ['X-Remote-Extra-']),
  }
}

function serviceAccountFrom(flags: FlagValues, pki: ServerPki): NonNullable<ApiServerOptions['serviceAccount']> {
  const signingKey = fileFlag(flags, 'service-account-signing-key-file') ?? pki.serviceAccountKey
  const keyFiles = flags.list('service-account-key-file')
  const issuers = flags.given('service-account-issuer') ? flags.list('service-account-issuer') : ['https://kubernetes.default.svc.cluster.local']
  return {
    issuers, signingKey,
    keys: keyFiles.length === 0 ? [signingKey] : keyFiles.map((path) => fileText(path, 'service-account-key-file')),
    ...(flags.given('api-audiences') ? { audiences: flags.list('api-audiences') } : {}),
    maxExpirationSeconds: (flags.number('service-account-max-token-expiration') ?? 0) / 1000,
    extendExpiration: flags.bool('service-account-extend-token-expiration'),
    ...(flags.string('service-account-jwks-uri') === undefined ? {} : { jwksUri: flags.string('service-account-jwks-uri')! }),
  }
}

function switches(values: Readonly<Record<string, string>>): Record<string, boolean> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value !== 'false']))
}

function firstServiceAddress(range: string): string {
  const [base = '', prefix] = range.split('/')
  if (prefix === undefined) throw new UsageError(`--service-cluster-ip-range: ${JSON.stringify(range)} is no range such as 10.96.0.0/12`)
  const dot = base.lastIndexOf('.')
  return dot < 0 ? `${base}1` : `${base.slice(0, dot)}.${Number(base.slice(dot + 1)) + 1}`
}
