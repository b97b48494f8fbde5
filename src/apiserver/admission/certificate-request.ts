/** The subject of a certificate signing request. */
export interface RequestSubject {
  readonly commonName: string
  readonly organizations: readonly string[]
}

/**
 * Reads the request that a CertificateSigningRequest carries (base64 of PEM). Throws when it is none. The parser is
 * loaded on first use: it takes a third of a second, which a start need not wait for.
 */
export async function parseSubject(request: string): Promise<RequestSubject> {
  await import('reflect-metadata')
  const { Pkcs10CertificateRequest } = await import('@peculiar/x509')
  const pem = Buffer.from(request, 'base64').toString('utf8')
  if (!/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(pem)) throw new Error('PEM block type must be CERTIFICATE REQUEST')
  const { subjectName } = new Pkcs10CertificateRequest(pem)
  return { commonName: subjectName.getField('CN')[0] ?? '', organizations: subjectName.getField('O') }
}
