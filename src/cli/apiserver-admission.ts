/** --admission-control-config-file: what it says of each plugin (upstream: apiserver/pkg/admission/config.go). */
import { dirname, resolve } from 'node:path'
import { decodeYaml } from '../api/codec/yaml.ts'
import type { ImagePolicyConfiguration, ImageReview } from '../apiserver/admission/plugins/image-policy-webhook.ts'
import { callServer } from '../apiserver/http/call.ts'
import { webhookTarget } from '../apiserver/webhooks/kubeconfig.ts'
import type { Clock } from '../base/env.ts'
import { UsageError } from './command.ts'

type ReadFile = (path: string, flag: string) => string

const flag = 'admission-control-config-file'
const versions = ['apiserver.config.k8s.io/v1', 'apiserver.k8s.io/v1alpha1']

interface PluginPart {
  readonly name: string
  readonly path?: string
  readonly configuration?: unknown
}

/** Each plugin's configuration as a value. Throws UsageError. */
export function admissionConfiguration(path: string, clock: Clock, readFile: ReadFile): ReadonlyMap<string, unknown> {
  const beside = (name: string) => resolve(dirname(path), name)
  const out = new Map<string, unknown>()
  for (const { name, path: file, configuration } of partsOf(path, readFile)) {
    const value = configuration ?? (file === undefined || file === '' ? undefined : yaml(file, readFile(beside(file), flag)))
    if (value === undefined) continue
    out.set(name, name === 'ImagePolicyWebhook' ? imagePolicy(value, clock, (kubeconfig) => readFile(beside(kubeconfig), flag)) : value)
  }
  return out
}

function partsOf(path: string, readFile: ReadFile): readonly PluginPart[] {
  const value = yaml(path, readFile(path, flag)) as { apiVersion?: string; kind?: string; plugins?: PluginPart[]; imagePolicy?: unknown; podNodeSelectorPluginConfig?: unknown }
  if (value.kind === 'AdmissionConfiguration' && versions.includes(value.apiVersion ?? '')) return value.plugins ?? []
  // Two plugins were configured by a file of their own before there were such files.
  if (value.imagePolicy !== undefined || value.podNodeSelectorPluginConfig !== undefined) {
    return ['ImagePolicyWebhook', 'PodNodeSelector'].map((name) => ({ name, configuration: value }))
  }
  throw new UsageError(`--${flag}: no kind ${JSON.stringify(value.kind ?? '')} is registered for version ${JSON.stringify(value.apiVersion ?? '')} in scheme "k8s.io/apiserver/pkg/admission/config.go"`)
}

function yaml(path: string, text: string): unknown {
  try {
    return decodeYaml(text).value ?? {}
  } catch (error) {
    throw new UsageError(`--${flag}: ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function imagePolicy(value: unknown, clock: Clock, readFile: (name: string) => string): ImagePolicyConfiguration {
  const { imagePolicy: given = {} } = value as { imagePolicy?: { kubeConfigFile?: string; allowTTL?: number; denyTTL?: number; retryBackoff?: number; defaultAllow?: boolean } }
  const { location, headers } = webhookTarget(readFile(given.kubeConfigFile ?? ''), readFile)
  return {
    allowTtlMs: milliseconds(given.allowTTL, 1000, 300_000), denyTtlMs: milliseconds(given.denyTTL, 1000, 30_000),
    retryBackoffMs: milliseconds(given.retryBackoff, 1, 500), defaultAllow: given.defaultAllow === true,
    async post(review) {
      const { code, body } = await callServer(location, {
        method: 'POST', path: `${location.path}${location.path.includes('?') ? '&' : '?'}timeout=30s`, body: JSON.stringify(review),
        headers: { 'content-type': 'application/json', accept: 'application/json, */*', ...headers },
      }, { clock, timeoutMs: 30_000 })
      if (code < 200 || code > 299) throw new Error(`Error contacting webhook: ${code}`)
      return JSON.parse(body) as ImageReview
    },
  }
}

/** -1 switches it off, 0 is the usual; `scale`: milliseconds of one. */
function milliseconds(value = 0, scale: number, usual: number): number {
  if (value === -1) return 0
  return value === 0 ? usual : value * scale
}
