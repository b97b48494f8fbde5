/** The certificates of a cluster's nodes and users, kept in a folder beside the API server's own (apiserver/http/files.ts). */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { CertificatePair } from '../../apiserver/auth/certificates.ts'
import { keptCertificate } from '../../apiserver/http/files.ts'

export interface ClientIdentity {
  readonly commonName: string
  readonly organizations?: readonly string[]
}

export interface ServerIdentity extends ClientIdentity {
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
}

/** A client certificate `name`.crt and .key in the folder; renewed when its end is near. */
export function ensureClientCertificate(dir: string, name: string, authority: CertificatePair, identity: ClientIdentity, now: Date): CertificatePair {
  return keptCertificate(dir, name, authority, { ...identity, usages: ['client'], now })
}

/** A server certificate for these names and addresses; made anew when one is missing in it or its end is near. */
export function ensureServerCertificate(dir: string, name: string, authority: CertificatePair, server: ServerIdentity, now: Date): CertificatePair {
  return keptCertificate(dir, name, authority, { ...server, usages: ['server'], now })
}

/** Written beside and renamed, so that a reader never sees half a file. */
export function writeSecret(path: string, text: string, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true })
  const part = `${path}.part`
  writeFileSync(part, text, { mode })
  chmodSync(part, mode)
  renameSync(part, path)
}
