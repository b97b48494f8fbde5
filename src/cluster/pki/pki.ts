/**
 * The certificates and keys of one cluster, made once and kept in a folder with kubeadm's file names, so that people who
 * know one know the other. What exists and still covers what is asked is left alone.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type CertificatePair, certificateServes, createAuthority, generateKeys, issueCertificate } from '../../apiserver/auth/certificates.ts'

const year = 365
const renewBeforeMs = 30 * 86_400_000

export interface ClusterPki {
  readonly dir: string
  readonly ca: CertificatePair
  readonly frontProxyCa: CertificatePair
  /** Paths of every file that components are pointed at. */
  readonly files: {
    readonly caCert: string
    readonly caKey: string
    readonly frontProxyCaCert: string
    readonly frontProxyClientCert: string
    readonly frontProxyClientKey: string
    readonly kubeletClientCert: string
    readonly kubeletClientKey: string
    readonly serviceAccountKey: string
    readonly serviceAccountPublicKey: string
  }
}

export interface ClientIdentity {
  readonly commonName: string
  readonly organizations?: readonly string[]
}

/** Makes what the folder lacks of authorities, service account keys and the API server's client certificates. */
export function ensurePki(dir: string, now: Date): ClusterPki {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const ca = ensureAuthority(dir, 'ca', 'kubernetes', now)
  const frontProxyCa = ensureAuthority(dir, 'front-proxy-ca', 'front-proxy-ca', now)
  ensureSigningKey(dir)
  ensureClientCertificate(dir, 'apiserver-kubelet-client', ca, { commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'] }, now)
  ensureClientCertificate(dir, 'front-proxy-client', frontProxyCa, { commonName: 'front-proxy-client' }, now)
  const at = (name: string) => join(dir, name)
  return {
    dir, ca, frontProxyCa,
    files: {
      caCert: at('ca.crt'), caKey: at('ca.key'), frontProxyCaCert: at('front-proxy-ca.crt'),
      frontProxyClientCert: at('front-proxy-client.crt'), frontProxyClientKey: at('front-proxy-client.key'),
      kubeletClientCert: at('apiserver-kubelet-client.crt'), kubeletClientKey: at('apiserver-kubelet-client.key'),
      serviceAccountKey: at('sa.key'), serviceAccountPublicKey: at('sa.pub'),
    },
  }
}

function ensureAuthority(dir: string, name: string, commonName: string, now: Date): CertificatePair {
  return readPair(dir, name) ?? writePair(dir, name, createAuthority(commonName, now))
}

/** A client certificate `name`.crt and .key in the folder; renewed when its end is near. */
export function ensureClientCertificate(dir: string, name: string, authority: CertificatePair, identity: ClientIdentity, now: Date): CertificatePair {
  const kept = readPair(dir, name)
  if (kept !== undefined && certificateServes(kept.cert, authority.cert, [], [], new Date(now.getTime() + renewBeforeMs))) return kept
  return writePair(dir, name, issueCertificate(authority, { ...identity, usages: ['client'], now, days: year }))
}

/** A server certificate for these names and addresses; made anew when one is missing in it or its end is near. */
export function ensureServerCertificate(dir: string, name: string, authority: CertificatePair, server: { commonName: string; organizations?: readonly string[]; dnsNames: readonly string[]; ipAddresses: readonly string[] }, now: Date): CertificatePair {
  const kept = readPair(dir, name)
  const until = new Date(now.getTime() + renewBeforeMs)
  if (kept !== undefined && certificateServes(kept.cert, authority.cert, server.dnsNames, server.ipAddresses, until)) return kept
  return writePair(dir, name, issueCertificate(authority, { ...server, usages: ['server'], now, days: year }))
}

function ensureSigningKey(dir: string): void {
  if (existsSync(join(dir, 'sa.key')) && existsSync(join(dir, 'sa.pub'))) return
  const { privateKey, publicKey } = generateKeys('ec')
  writeSecret(join(dir, 'sa.pub'), publicKey, 0o644)
  writeSecret(join(dir, 'sa.key'), privateKey, 0o600)
}

function readPair(dir: string, name: string): CertificatePair | undefined {
  const [cert, key] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)]
  return existsSync(cert) && existsSync(key) ? { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } : undefined
}

function writePair(dir: string, name: string, pair: CertificatePair): CertificatePair {
  writeSecret(join(dir, `${name}.crt`), pair.cert, 0o644)
  writeSecret(join(dir, `${name}.key`), pair.key, 0o600)
  return pair
}

/** Written beside and renamed, so that a reader never sees half a file. */
export function writeSecret(path: string, text: string, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true })
  const part = `${path}.part`
  writeFileSync(part, text, { mode })
  chmodSync(part, mode)
  renameSync(part, path)
}
