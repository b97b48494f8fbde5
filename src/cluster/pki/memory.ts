/** A cluster's keys that live as long as the process. pki.ts keeps the same in files. */
import { isIP } from 'node:net'
import { seededKeys } from '../../base/ecdsa.ts'
import type { Random } from '../../base/env.ts'
import { type CertificatePair, type Keys, createAuthority, generateKeys, issueCertificate } from '../../apiserver/auth/certificates.ts'

export interface Authorities {
  readonly ca: CertificatePair
  readonly serviceAccount: { readonly privateKey: string; readonly publicKey: string }
  readonly newKeys: () => Keys
  /** From when on and how long certificates are good. */
  readonly validity: { readonly now: Date; readonly days: number }
}

const year = 365
/** Long enough for any story: a virtual clock may be before or behind the one by which clients judge. */
const century: Authorities['validity'] = { now: new Date(Date.UTC(2000, 0, 1)), days: 36_500 }

export function createAuthorities(now: Date): Authorities {
  const newKeys = (): Keys => generateKeys('ec')
  return { ca: createAuthority('kubernetes', now), serviceAccount: newKeys(), newKeys, validity: { now, days: year } }
}

/** The same keys and certificates each time for the same chance. Good for a hundred years. */
export function seededAuthorities(random: Random): Authorities {
  const newKeys = (): Keys => seededKeys(random)
  return { ca: createAuthority('kubernetes', century.now, century.days, newKeys()), serviceAccount: newKeys(), newKeys, validity: century }
}

/** The names by which pods and people know the API server. */
export const apiServerNames: readonly string[] = [
  'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost',
]

/** A certificate for the API server at these addresses and the first one of the service range. */
export function serverCertificate(authorities: Authorities, addresses: readonly string[], serviceCIDR: string): CertificatePair {
  const ipAddresses = [...new Set(['127.0.0.1', firstAddress(serviceCIDR), ...addresses])]
  return issueCertificate(authorities.ca, { commonName: 'kube-apiserver', dnsNames: apiServerNames, ipAddresses, usages: ['server'], ...authorities.validity }, authorities.newKeys())
}

export function clientCertificate(authorities: Authorities, identity: { commonName: string; organizations?: readonly string[] }): CertificatePair {
  return issueCertificate(authorities.ca, { ...identity, usages: ['client'], ...authorities.validity }, authorities.newKeys())
}

/** "10.96.0.1" of "10.96.0.0/16": the address of default/kubernetes. */
export function firstAddress(cidr: string): string {
  const address = cidr.slice(0, cidr.indexOf('/'))
  return address.includes(':') ? `${address.replace(/::.*$/, '')}::1` : address.replace(/\d+$/, (last) => String(Number(last) + 1))
}

/** What the API's certificate is for: the names that pods use, `addresses`, and `more` of both sorts as a user gave them. */
export function serverNames(addresses: readonly string[], more: readonly string[]): { dnsNames: string[]; addresses: string[] } {
  const isAddress = (text: string): boolean => isIP(text) !== 0
  return {
    dnsNames: [...apiServerNames, ...more.filter((text) => !isAddress(text))],
    addresses: [...new Set([...addresses, ...more.filter(isAddress)])],
  }
}
