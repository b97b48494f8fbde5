/** Which certificate a client is shown by the name that it asks for (client-go's and Go's tls.Config.NameToCertificate). */
import { X509Certificate } from 'node:crypto'
import { type SecureContext, createSecureContext } from 'node:tls'

export interface NamedCertificate {
  readonly cert: string
  readonly key: string
  /** "foo.com" or "*.foo.com"; empty: those in the certificate. */
  readonly names: readonly string[]
}

/**
 * The context for a server's name, undefined for the server's own. Names that were given go before those of certificates,
 * whole ones before wildcards. Throws for a certificate or key that cannot be read.
 */
export function byServerName(certificates: readonly NamedCertificate[]): (name: string) => SecureContext | undefined {
  const contexts = new Map<string, SecureContext>()
  const given = certificates.filter(({ names }) => names.length > 0)
  const named = certificates.filter(({ names }) => names.length === 0)
  for (const { cert, key, names } of [...given, ...named]) {
    const context = createSecureContext({ cert, key })
    for (const name of names.length > 0 ? names : namesOf(cert)) {
      const known = name.toLowerCase()
      if (!contexts.has(known)) contexts.set(known, context)
    }
  }
  return (name) => {
    const labels = name.toLowerCase().replace(/\.$/, '').split('.')
    const whole = contexts.get(labels.join('.'))
    if (whole !== undefined) return whole
    for (let i = 0; i < labels.length; i++) {
      labels[i] = '*'
      const found = contexts.get(labels.join('.'))
      if (found !== undefined) return found
    }
    return undefined
  }
}

function namesOf(pem: string): string[] {
  const { subject, subjectAltName = '' } = new X509Certificate(pem)
  const commonName = /^CN=(.*)$/m.exec(subject)?.[1]
  const alternatives = subjectAltName.split(', ').flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? [])
  return [...new Set([...(commonName === undefined ? [] : [commonName]), ...alternatives])]
}
