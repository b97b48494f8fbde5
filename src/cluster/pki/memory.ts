/** A cluster's keys that live as long as the process. pki.ts keeps the same in files. */
import { type CertificatePair, createAuthority, generateKeys, issueCertificate } from '../../apiserver/auth/certificates.ts'

export interface Authorities {
  readonly ca: CertificatePair
  readonly serviceAccount: { readonly privateKey: string; readonly publicKey: string }
}

const year = 365

export function createAuthorities(now: Date): Authorities {
  return { ca: createAuthority('kubernetes', now), serviceAccount: generateKeys('ec') }
}

/** The names by which pods and people know the API server. */
export const apiServerNames: readonly string[] = [
  'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost',
]

/** A certificate for the API server at these addresses and the first one of the service range. */
export function serverCertificate(authorities: Authorities, addresses: readonly string[], serviceCIDR: string, now: Date): CertificatePair {
  const ipAddresses = [...new Set(['127.0.0.1', firstAddress(serviceCIDR), ...addresses])]
  return issueCertificate(authorities.ca, { commonName: 'kube-apiserver', dnsNames: apiServerNames, ipAddresses, usages: ['server'], now, days: year })
}

export function clientCertificate(authorities: Pick<Authorities, 'ca'>, identity: { commonName: string; organizations?: readonly string[] }, now: Date): CertificatePair {
  return issueCertificate(authorities.ca, { ...identity, usages: ['client'], now, days: year })
}

/** "10.96.0.1" of "10.96.0.0/16": the address of default/kubernetes. */
export function firstAddress(cidr: string): string {
  const address = cidr.slice(0, cidr.indexOf('/'))
  return address.includes(':') ? `${address.replace(/::.*$/, '')}::1` : address.replace(/\d+$/, (last) => String(Number(last) + 1))
}
