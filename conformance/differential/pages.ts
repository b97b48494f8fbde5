/**
 * Whether both servers tell the same of themselves: `node conformance/differential/pages.ts`. /statusz, /flagz and
 * /metrics/slis are asked for with every kind of Accept header and method, and paths beside them; codes, headers,
 * objects and the form of texts must be equal, and so must the values of flags that both servers have.
 */
import { jsonEqual } from '../../src/api/meta/json-equal.ts'
import { type Answer, request } from './client.ts'
import { helpOf } from './judge.ts'
import { startServers, token } from './servers.ts'

helpOf(`node conformance/differential/pages.ts
asks upstream's kube-apiserver and ours for their pages about themselves and prints where the answers differ.`)

const forms = ['Statusz', 'Flagz'].flatMap((kind) => ['v1beta1', 'v1alpha1', 'v1'].map((version) => `as=${kind};v=${version};g=config.k8s.io`))
const accepts: readonly string[] = [
  '', 'text/plain', 'text/*', '*/*', '*', 'application/json', 'application/yaml', 'application/*', 'application/cbor', 'application/vnd.kubernetes.protobuf', 'text/html', 'bogus', 'a/b/c',
  ...forms.flatMap((form) => ['application/json', 'application/yaml', 'application/*', 'application/cbor', '*/*', 'text/plain'].map((type) => `${type};${form}`)),
  `application/json;${forms[0]}, text/plain`, `text/plain, application/json;${forms[0]}`, `*/*, application/json;${forms[0]}`, `text/*, application/yaml;q=0.1;${forms[0]}`, `application/json;${forms[0]};pretty=1`,
  'application/json, text/plain;q=0.5', 'text/plain;q=0', 'text/plain;stream=watch', 'text/plain;sv=1', 'text/plain;x=y', 'application/json;as=Statusz', 'application/json;pretty=1', 'application/yaml, application/json',
  `application/json;q=x;${forms[0]}, text/plain;q=0.1`, `application/json;as=Statusz;v=v1beta1;g=`, `application/json; as=Statusz ; v=v1beta1 ; g=config.k8s.io`,
]
const others: readonly (readonly [method: string, path: string])[] = [
  // Upstream loses headers of HEAD /metrics/slis.
  ...['POST', 'PUT', 'DELETE', 'HEAD'].flatMap((method) => ['/statusz', '/flagz', '/', '/index.html', '/version', '/version/', '/none', '/apis/none/v1'].map((path) => [method, path] as const)),
  ...['POST', 'PUT', 'DELETE'].map((method) => [method, '/metrics/slis'] as const), ['POST', '/apis/none/v1/pods'], ['POST', '/apis/apps/v9/deployments'],
  ...['/statusz/', '/statusz/x', '/flagz/', '/metrics/', '/metrics/x', '/metrics/slis/', '/index.html', '/none', '/none/x', '/openid/x', '/.well-known/x', '/healthz/none', '/version/', '/version/x', '/openapi/v4', '/openapi/v2/x', '/openapi', '/apis/none', '/apis/none/v1', '/apis/none/v1/pods', '/apis/apps/v9', '/apis/apps/v9/pods', '/apis/apps/v1/none', '/api/v2', '/api/v2/pods', '/api/v1/none', '/api/v1/', '/apis/apps/v1/', '/apis/apps/', '/statusz?pretty=true', '/flagz?x=y']
    .map((path) => ['GET', path] as const),
]

/** What is said to clients that take nothing of what these documents can be had in. */
const documents: readonly string[] = ['/api', '/api/v1', '/apis', '/apis/apps', '/apis/apps/v1', '/apis/apiregistration.k8s.io', '/apis/apiregistration.k8s.io/v1', '/apis/apiextensions.k8s.io/v1', '/version', '/healthz', '/livez/ping', '/openapi/v2', '/openid/v1/jwks', '/']
const refused: readonly string[] = ['text/html', 'application/cbor', 'application/json;as=Table;v=v1;g=meta.k8s.io', 'application/json;as=APIGroupDiscoveryList;v=v9;g=apidiscovery.k8s.io']

/** Flags whose values are each server's own. */
const ownFlags: Readonly<Record<string, string>> = {
  'advertise-address': 'upstream shows what was found out', 'external-hostname': 'upstream shows what was found out', 'tls-cert-file': 'upstream shows what was made', 'tls-private-key-file': 'upstream shows what was made',
  'anonymous-auth': 'upstream shows what follows from the authorization mode', 'watch-cache-sizes': 'upstream shows what is so anyway', 'allow-metric-labels': 'another type of map', 'allow-privileged': 'given to one of them',
  'cert-dir': 'each has its own', 'etcd-servers': 'each has its own', 'secure-port': 'each has its own', 'service-account-key-file': 'given to one of them', 'service-account-signing-key-file': 'given to one of them',
}

const lineOf = /^(Started|Up|Go version|Binary version|Emulation version|Paths|[a-z][a-z0-9-]*)(?:: |:|=| ) ?(.*)$/

/** Texts by name and value, without what time and chance make of them. */
function settled(body: unknown, flags: Record<string, string>): unknown {
  // Documents of OpenAPI are compared by documents.ts.
  if ((body as { swagger?: string }).swagger !== undefined) return undefined
  if (typeof body === 'string') {
    const lines = body.split('\n').map((line) => (/^Warning|statusz$|flagz$|^#|[{}]/.test(line) || line.startsWith(' ') ? line : line.replace(lineOf, '$1 = $2')))
    return lines.filter((line) => !line.startsWith('kubernetes_healthcheck')).map((line) => withoutFlag(line, flags)).filter((line) => line !== undefined)
      .map((line) => (/^(?:Started|Up|startTime|uptimeSeconds|process_start_time_seconds)/.test(line) ? line.replace(/[\d.e+]+/g, '0') : line))
  }
  const object = body as { startTime?: string; uptimeSeconds?: number; flags?: Record<string, string>; paths?: string[] }
  return {
    ...object, ...(object.startTime === undefined ? {} : { startTime: object.startTime.replace(/\d/g, '0'), uptimeSeconds: typeof object.uptimeSeconds }),
    ...(object.flags === undefined ? {} : { flags: Object.fromEntries(Object.entries(object.flags).filter(([name]) => name in flags)) }),
    ...(Array.isArray(object.paths) ? { paths: object.paths.filter((path) => !/^\/(?:healthz|livez|readyz)\/|metrics\.k8s\.io/.test(path)) } : {}),
  }
}

/** Undefined: a flag that is not compared. */
function withoutFlag(line: string, flags: Record<string, string>): string | undefined {
  const name = /^ *([a-z][a-z0-9-]*)(?: =|:)/.exec(line)?.[1]
  return name === undefined || name in flags || !allFlags.has(name) ? line : undefined
}

const allFlags = new Set<string>()

const { ours, theirs, stop } = await startServers()
let compared = 0
let different = 0

async function flagsOf(url: string): Promise<Record<string, string>> {
  const { body } = await request(url, token, 'GET', '/flagz', undefined, undefined, { accept: `application/json;${forms[3]}` })
  return (body as { flags: Record<string, string> }).flags
}

function report(what: string, lines: readonly string[]): void {
  compared++
  if (lines.length === 0) return
  different++
  console.log(`${what}\n${lines.map((line) => `  ${line}`).join('\n')}`)
}

async function compare(method: string, path: string, accept: string, flags: Record<string, string>): Promise<void> {
  const [mine, upstreams] = await Promise.all([ours, theirs].map(({ url }) => request(url, token, method, path, undefined, undefined, { accept }))) as [Answer, Answer]
  const shown = ({ code, headers, warnings }: Answer): unknown => ({ code, headers, warnings })
  const lines = jsonEqual(shown(mine), shown(upstreams)) ? [] : [`theirs ${JSON.stringify(shown(upstreams))}`, `ours   ${JSON.stringify(shown(mine))}`]
  const [own, their] = [settled(mine.body, flags), settled(upstreams.body, flags)]
  if (!jsonEqual(own, their)) lines.push(`theirs ${JSON.stringify(their).slice(0, 2000)}`, `ours   ${JSON.stringify(own).slice(0, 2000)}`)
  report(`${method} ${path} ${JSON.stringify(accept)}`, lines)
}

try {
  const [mine, upstreams] = await Promise.all([flagsOf(ours.url), flagsOf(theirs.url)])
  for (const name of [...Object.keys(mine), ...Object.keys(upstreams)]) allFlags.add(name)
  const both = Object.keys(upstreams).filter((name) => name in mine && !(name in ownFlags))
  const flags = Object.fromEntries(both.map((name) => [name, upstreams[name]!]))
  for (const name of both) report(`--${name}`, mine[name] === upstreams[name] ? [] : [`theirs ${upstreams[name]}`, `ours   ${mine[name]}`])
  console.log(`flags: ${both.length} compared; only theirs: ${Object.keys(upstreams).filter((name) => !(name in mine)).join(' ')}; only ours: ${Object.keys(mine).filter((name) => !(name in upstreams)).join(' ')}`)
  for (const path of ['/statusz', '/flagz', '/metrics/slis']) for (const accept of accepts) await compare('GET', path, accept, flags)
  for (const path of documents) for (const accept of refused) await compare('GET', path, accept, flags)
  for (const [method, path] of others) await compare(method, path, '*/*', flags)
  console.log(`${compared} answers and flags compared, ${different} different`)
  if (different > 0) process.exitCode = 1
} finally {
  stop()
}
