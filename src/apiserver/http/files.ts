/** Keys and certificates on disk: read what is there, make what is missing. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import {
  type CertificatePair, type CertificateRequest, certificateServes, createAuthority, generateKeys, issueCertificate,
} from '../auth/certificates.ts'

/** Everything that a server needs to prove who it is and to know its clients. All PEM. */
export interface ServerPki {
  /** Signs the server's certificate and those of clients. */
  readonly ca: CertificatePair
  readonly server: CertificatePair
  /** Signs front proxies: aggregated servers trust what they say of users. */
  readonly frontProxyCA: string
  readonly frontProxyClient: CertificatePair
  /** With which the server calls kubelets. */
  readonly kubeletClient: CertificatePair
  readonly admin: CertificatePair
  readonly serviceAccountKey: string
}

export interface PkiOptions {
  readonly now: Date
  readonly dnsNames: readonly string[]
  readonly addresses: readonly string[]
}

const yearDays = 365
/** A kept certificate that ends sooner than this is replaced. */
const renewBeforeMs = 30 * 86_400_000

/** Reads the folder's certificates and makes those that are missing or no longer fit. */
export function loadPki(folder: string, options: PkiOptions): ServerPki {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const { now } = options
  const ca = keptPair(folder, 'ca', () => createAuthority('kubernetes-ca', now))
  const frontProxyCA = keptPair(folder, 'front-proxy-ca', () => createAuthority('front-proxy-ca', now))
  const issued = (name: string, authority: CertificatePair, request: Omit<CertificateRequest, 'now' | 'days'>): CertificatePair =>
    keptCertificate(folder, name, authority, { ...request, now })
  return {
    ca, frontProxyCA: frontProxyCA.cert,
    server: issued('apiserver', ca, { commonName: 'kube-apiserver', dnsNames: options.dnsNames, ipAddresses: options.addresses, usages: ['server'] }),
    frontProxyClient: issued('front-proxy-client', frontProxyCA, { commonName: 'front-proxy-client', usages: ['client'] }),
    kubeletClient: issued('apiserver-kubelet-client', ca, {
      commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'], usages: ['client'],
    }),
    admin: issued('admin', ca, { commonName: 'kubernetes-admin', organizations: ['system:masters'], usages: ['client'] }),
    serviceAccountKey: keptServiceAccountKey(folder),
  }
}

/** `name`.crt and .key in the folder, which is made when it is missing; made anew when they are missing, fit no longer or end soon. */
export function keptCertificate(folder: string, name: string, authority: CertificatePair, request: Omit<CertificateRequest, 'days'>): CertificatePair {
  const { now, dnsNames = [], ipAddresses = [] } = request
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  return keptPair(folder, name, () => issueCertificate(authority, { ...request, days: yearDays }), (pair) =>
    certificateServes(pair.cert, authority.cert, dnsNames, ipAddresses, new Date(now.getTime() + renewBeforeMs)))
}

/** An authority's `name`.crt and .key in the folder, which is made when it is missing. */
export function keptAuthority(folder: string, name: string, make: () => CertificatePair): CertificatePair {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  return keptPair(folder, name, make)
}

function keptPair(folder: string, name: string, make: () => CertificatePair, fits: (pair: CertificatePair) => boolean = () => true): CertificatePair {
  const cert = readText(join(folder, `${name}.crt`))
  const key = readText(join(folder, `${name}.key`))
  if (cert !== undefined && key !== undefined && fits({ cert, key })) return { cert, key }
  const made = make()
  writeText(join(folder, `${name}.crt`), made.cert, 0o644)
  writeText(join(folder, `${name}.key`), made.key, 0o600)
  return made
}

function keptServiceAccountKey(folder: string): string {
  const kept = readText(join(folder, 'sa.key'))
  if (kept !== undefined) return kept
  const keys = generateKeys('ec')
  writeText(join(folder, 'sa.key'), keys.privateKey, 0o600)
  writeText(join(folder, 'sa.pub'), keys.publicKey, 0o644)
  return keys.privateKey
}

/** Undefined when there is no such file; throws when it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whole or not at all: a crash must not leave half a key. */
export function writeText(path: string, text: string, mode: number): void {
  const temporary = `${path}.new`
  writeFileSync(temporary, text, { mode })
  renameSync(temporary, path)
}

/** This machine's name and the address by which others most likely reach it. */
export function hostIdentity(): { name: string; address: string } {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []).filter((a) => !a.internal)
  const found = addresses.find((a) => a.family === 'IPv4') ?? addresses.find((a) => !a.address.startsWith('fe80'))
  return { name: hostname().toLowerCase(), address: found?.address ?? '127.0.0.1' }
}
