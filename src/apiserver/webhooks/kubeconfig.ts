/** Where a webhook is that a kubeconfig file names, and by what it knows this server (upstream: util/webhook/webhook.go). */
import { Buffer } from 'node:buffer'
import { decodeYaml } from '../../api/codec/yaml.ts'
import { type Material, parseKubeconfig } from '../../client/kubeconfig.ts'
import type { ServerLocation } from './location.ts'

export interface WebhookTarget {
  readonly location: ServerLocation
  /** To be sent with every request. */
  readonly headers: Readonly<Record<string, string>>
}

/** `readFile` answers the text of a file that the kubeconfig names. Throws an Error for a kubeconfig that is none. */
export function webhookTarget(text: string, readFile: (name: string) => string): WebhookTarget {
  const config = parseKubeconfig(decodeYaml(text).value)
  const url = new URL(/^[a-z]+:\/\//i.test(config.server) ? config.server : `https://${config.server}`)
  const secure = url.protocol !== 'http:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  const pem = (material: Material | undefined) => (material === undefined ? undefined : 'pem' in material ? material.pem : readFile(material.file))
  const [ca, cert, key] = [pem(config.ca), pem(config.cert), pem(config.key)]
  const token = config.token ?? (config.tokenFile === undefined ? undefined : readFile(config.tokenFile).trim())
  return {
    location: {
      scheme: secure ? 'https' : 'http', host, port, showPort: url.port !== '', path: url.pathname + url.search,
      tls: {
        ...(ca === undefined ? {} : { ca }), ...(cert === undefined || key === undefined ? {} : { cert, key }),
        ...(config.tlsServerName === undefined ? {} : { serverName: config.tlsServerName }), insecure: config.insecureSkipTlsVerify === true,
      },
      resolve: () => Promise.resolve({ host, port }),
    },
    headers: token !== undefined && token !== '' ? { authorization: `Bearer ${token}` }
      : config.username === undefined ? {} : { authorization: `Basic ${Buffer.from(`${config.username}:${config.password ?? ''}`).toString('base64')}` },
  }
}
