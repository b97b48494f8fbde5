/**
 * Certificates on disk, key and certificate in one file, the current one behind a link: "kubelet-client-current.pem".
 * Upstream: client-go/util/certificate/certificate_store.go.
 */
import { X509Certificate } from 'node:crypto'
import type { HostFiles } from '../host/contract.ts'

export interface StoredPair {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

export interface CertificateStore {
  /** Path of the link. */
  readonly currentPath: string
  /** undefined: there is none, or it cannot be read. */
  current(): Promise<StoredPair | undefined>
  /** Keeps a pair as the current one; `now` names its file. */
  update(pair: StoredPair, now: number): Promise<void>
}

export function createCertificateStore(files: HostFiles, dir: string, name: string): CertificateStore {
  const currentPath = `${dir}/${name}-current.pem`
  return {
    currentPath,
    async current() {
      const text = await files.readText(currentPath)
      return text === undefined ? undefined : splitPair(text)
    },
    async update(pair, now) {
      await files.makeDir(dir, 0o755)
      const stamp = new Date(now).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-')
      const path = `${dir}/${name}-${stamp}.pem`
      await files.write(path, Buffer.from(pair.cert.replace(/\n*$/, '\n') + pair.key), 0o600)
      const link = `${dir}/${name}-updated.pem`
      await files.remove(link)
      await files.symlink(path, link)
      await files.rename(link, currentPath)
    },
  }
}

/** Certificates and the key of one file; undefined where one of them is missing. */
export function splitPair(text: string): StoredPair | undefined {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z ]+)-----[\s\S]*?-----END \1-----\n?/g)]
  const cert = blocks.filter(([, label]) => label === 'CERTIFICATE').map(([block]) => block).join('')
  const key = blocks.find(([, label]) => label!.endsWith('PRIVATE KEY'))?.[0]
  return cert === '' || key === undefined ? undefined : { cert, key }
}

/** From when to when a certificate is good, ms. Throws for what is none. */
export function validity(cert: string): { from: number; to: number } {
  const { validFrom, validTo } = new X509Certificate(cert)
  return { from: Date.parse(validFrom), to: Date.parse(validTo) }
}
