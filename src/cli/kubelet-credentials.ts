/** How a kubelet comes by its credentials: kubeconfig, bootstrap, certificates of client and server. Upstream: cmd/kubelet/app/server.go. */
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseYaml } from '../api/codec/yaml.ts'
import { issueCertificate } from '../apiserver/auth/certificates.ts'
import type { Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { createHttpClient } from '../client/http/transport.ts'
import { type ClientConfig, type Material, parseKubeconfig } from '../client/kubeconfig.ts'
import { createAuthorities } from '../cluster/pki/memory.ts'
import { systemFiles } from '../kubelet/host/files.ts'
import { askForCertificate, rotateCertificates } from '../kubelet/certificates/rotation.ts'
import { newKey } from '../kubelet/certificates/request.ts'
import { type StoredPair, createCertificateStore, validity } from '../kubelet/certificates/store.ts'
import { UsageError } from './command.ts'

export type ClosableClient = Client & { close(): Promise<void> }

export interface CredentialOptions {
  readonly kubeconfig: string
  readonly bootstrapKubeconfig: string | undefined
  readonly certDir: string
  readonly nodeName: string
  readonly rotate: boolean
}

const userAgent = 'kubelet/v1.36.3'
export const nodeSubject = (nodeName: string) => ({ commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] })

function readConfig(file: string): ClientConfig {
  try {
    return parseKubeconfig(parseYaml(readFileSync(file, 'utf8')), { resolveFile: (name) => resolve(dirname(file), name) })
  } catch (error) {
    throw new UsageError(`unable to load kubeconfig: ${(error as Error).message}`)
  }
}

const pemOf = (material: Material | undefined): string | undefined =>
  material === undefined ? undefined : 'pem' in material ? material.pem : readFileSync(material.file, 'utf8')

/** Whether the kubeconfig has a client certificate that is still good. */
function isStillValid(file: string, now: number, log: Env['log']): boolean {
  if (!existsSync(file)) return false
  try {
    const cert = pemOf(readConfig(file).cert)
    if (cert === undefined) return false
    return validity(cert).to > now
  } catch (error) {
    log.warn('the kubeconfig cannot be used', { file, error })
    return false
  }
}

/** A kubeconfig that names the file of key and certificate, which changes with each renewal. */
function bootstrapped(config: ClientConfig, pemPath: string): string {
  const ca = config.ca === undefined ? {} : 'pem' in config.ca ? { 'certificate-authority-data': Buffer.from(config.ca.pem).toString('base64') } : { 'certificate-authority': config.ca.file }
  return `${JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': 'default-context',
    clusters: [{ name: 'default-cluster', cluster: { server: config.server, ...ca, ...(config.insecureSkipTlsVerify === true ? { 'insecure-skip-tls-verify': true } : {}) } }],
    users: [{ name: 'default-auth', user: { 'client-certificate': pemPath, 'client-key': pemPath } }],
    contexts: [{ name: 'default-context', context: { cluster: 'default-cluster', namespace: 'default', user: 'default-auth' } }],
  }, undefined, 2)}\n`
}

/** Asks for a client certificate with the bootstrap credentials and writes the kubeconfig, if the node has none that is good. */
export async function bootstrapCredentials(env: Env, options: CredentialOptions, signal: AbortSignal): Promise<void> {
  const { kubeconfig, bootstrapKubeconfig, certDir, nodeName } = options
  if (bootstrapKubeconfig === undefined || bootstrapKubeconfig === '' || isStillValid(kubeconfig, env.clock.now(), env.log)) return
  const config = readConfig(bootstrapKubeconfig)
  const client = await createHttpClient(config, { clock: env.clock, userAgent })
  try {
    mkdirSync(certDir, { recursive: true })
    // A key is kept until it has a certificate: a kubelet that is started again asks for the same.
    const keyFile = `${certDir}/kubelet-client.key.tmp`
    if (!existsSync(keyFile)) writeFileSync(keyFile, newKey(), { mode: 0o600 })
    const store = createCertificateStore(systemFiles, certDir, 'kubelet-client')
    const asked = { client, clock: env.clock, signer: 'kubernetes.io/kube-apiserver-client-kubelet' as const, subject: nodeSubject(nodeName), namePrefix: 'node-csr-' }
    const pair = await untilAnswered(env, () => askForCertificate(asked, readFileSync(keyFile, 'utf8'), signal), signal)
    await store.update(pair, env.clock.now())
    rmSync(keyFile, { force: true })
    mkdirSync(dirname(kubeconfig), { recursive: true })
    writeFileSync(kubeconfig, bootstrapped(config, store.currentPath), { mode: 0o600 })
  } finally {
    await client.close()
  }
}

/** The API server may come later than the node. */
async function untilAnswered<T>(env: Env, ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (signal.aborted) throw error
      env.log.warn('the node has no certificate yet', { error })
      await env.clock.sleep(2000, signal)
    }
  }
}

/** A client that goes on with the newer certificate when there is one. */
export async function nodeClient(env: Env, options: CredentialOptions): Promise<ClosableClient> {
  const config = readConfig(options.kubeconfig)
  let current = await createHttpClient(config, { clock: env.clock, userAgent })
  // All methods of the newest; whoever watches through the old one is sent away and comes back.
  const client = new Proxy({} as ClosableClient, {
    get: (_, name) => (name === 'then' ? undefined : (...args: unknown[]) => (Reflect.get(current, name) as (...args: unknown[]) => unknown).apply(current, args)),
  })
  if (!options.rotate || config.cert === undefined) return client
  const store = createCertificateStore(systemFiles, options.certDir, 'kubelet-client')
  if ((await store.current()) === undefined) {
    const [cert, key] = [pemOf(config.cert), pemOf(config.key)]
    if (cert === undefined || key === undefined) return client
    await store.update({ cert, key }, env.clock.now())
  }
  env.tasks.go('client certificate', (signal) => rotateCertificates({
    ...env, store,
    ask: () => ({ client, clock: env.clock, signer: 'kubernetes.io/kube-apiserver-client-kubelet', subject: nodeSubject(options.nodeName), namePrefix: 'csr-' }),
    onPair(pair) {
      void useCertificate(pair)
    },
  }, signal))
  async function useCertificate({ cert, key }: StoredPair): Promise<void> {
    const old = current
    current = await createHttpClient({ ...config, cert: { pem: cert }, key: { pem: key } }, { clock: env.clock, userAgent })
    env.log.info('the client certificate was renewed', { until: new X509Certificate(cert).validTo })
    await old.close()
  }
  return client
}

/** The pair of a server that nobody signed for: made once, kept in kubelet.crt and kubelet.key. */
export function selfSigned(certDir: string, nodeName: string, ipAddresses: readonly string[], now: Date): StoredPair {
  const [certFile, keyFile] = [`${certDir}/kubelet.crt`, `${certDir}/kubelet.key`]
  if (existsSync(certFile) && existsSync(keyFile)) {
    const pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
    if (validity(pair.cert).to > now.getTime()) return pair
  }
  const pair = issueCertificate(createAuthorities(now).ca, { commonName: `${nodeName}@${Math.floor(now.getTime() / 1000)}`, dnsNames: [nodeName], ipAddresses: [...ipAddresses], usages: ['server'], now, days: 365 })
  mkdirSync(certDir, { recursive: true })
  writeFileSync(certFile, pair.cert, { mode: 0o644 })
  writeFileSync(keyFile, pair.key, { mode: 0o600 })
  return pair
}
