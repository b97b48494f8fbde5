import type { CertificatePair } from '../../apiserver/auth/certificates.ts'

export interface KubeconfigOptions {
  readonly clusterName: string
  /** "https://127.0.0.1:6443". */
  readonly server: string
  /** PEM. */
  readonly caCert: string
  readonly user: string
  readonly credentials: CertificatePair | { readonly token: string }
}

/** A kubeconfig with everything inside, so that the one file is all a client needs. */
export function kubeconfigText(options: KubeconfigOptions): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const { clusterName, user, credentials } = options
  const userLines = 'token' in credentials
    ? [`    token: ${credentials.token}`]
    : [`    client-certificate-data: ${base64(credentials.cert)}`, `    client-key-data: ${base64(credentials.key)}`]
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    `- name: ${clusterName}`,
    '  cluster:',
    `    server: ${options.server}`,
    `    certificate-authority-data: ${base64(options.caCert)}`,
    'users:',
    `- name: ${user}`,
    '  user:',
    ...userLines,
    'contexts:',
    `- name: ${clusterName}`,
    '  context:',
    `    cluster: ${clusterName}`,
    `    user: ${user}`,
    `current-context: ${clusterName}`,
    '',
  ].join('\n')
}
