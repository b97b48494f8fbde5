/** A KubeletConfiguration file (kubelet.config.k8s.io/v1beta1) as options. Pure: files it names are read by who runs the kubelet. */
import type { Taint } from '../api/generated/types/core-v1.ts'
import { parseDuration } from '../api/meta/time.ts'
import type { KubeletOptions } from './options.ts'

/** Paths of PEM files and what guards the server. */
export interface ServerSettings {
  readonly address?: string
  readonly port?: number
  readonly tlsCertFile?: string
  readonly tlsPrivateKeyFile?: string
  readonly clientCAFile?: string
  readonly webhookAuthentication?: boolean
  readonly anonymous?: boolean
  readonly authorization?: 'AlwaysAllow' | 'Webhook'
}

export interface KubeletConfiguration {
  readonly options: Partial<KubeletOptions>
  readonly server: ServerSettings
}

/** Something in the file cannot be used; the message names it. */
export class ConfigurationError extends Error {}

type Value = Readonly<Record<string, unknown>>
type Read<T> = (value: unknown, field: string) => T

const fail = (field: string, what: string): never => {
  throw new ConfigurationError(`${field}: ${what}`)
}
const text: Read<string> = (value, field) => (typeof value === 'string' ? value : fail(field, 'expected a string'))
const number: Read<number> = (value, field) => (typeof value === 'number' ? value : fail(field, 'expected a number'))
const flag: Read<boolean> = (value, field) => (typeof value === 'boolean' ? value : fail(field, 'expected true or false'))
const texts: Read<string[]> = (value, field) => (Array.isArray(value) ? value.map((item) => text(item, field)) : fail(field, 'expected a list'))
const duration: Read<number> = (value, field) => parseDuration(text(value, field)) ?? fail(field, `${String(value)} is not a duration`)
const map: Read<Record<string, string>> = (value, field) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(field, 'expected a map')
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, text(item, `${field}.${key}`)]))
}
const taints: Read<Taint[]> = (value, field) => (Array.isArray(value) ? (value as Taint[]) : fail(field, 'expected a list'))
const oneOf = <T extends string>(...allowed: T[]): Read<T> => (value, field) =>
  allowed.includes(value as T) ? (value as T) : fail(field, `${String(value)} is not supported; supported: ${allowed.join(', ')}`)

/** Fields that become options under the same name. */
const fields: Readonly<Record<string, Read<unknown>>> = {
  podLogsDir: text, containerRuntimeEndpoint: text, cgroupRoot: text, cgroupsPerQOS: flag, clusterDNS: texts, clusterDomain: text,
  resolvConf: text, staticPodPath: text, maxPods: number, podPidsLimit: number, cpuCFSQuota: flag, cpuCFSQuotaPeriod: duration,
  seccompDefault: flag, serializeImagePulls: flag, maxParallelImagePulls: number, syncFrequency: duration, fileCheckFrequency: duration,
  nodeStatusUpdateFrequency: duration, nodeStatusReportFrequency: duration, nodeLeaseDurationSeconds: number, registerNode: flag,
  registerWithTaints: taints, providerID: text, systemReserved: map, kubeReserved: map, evictionHard: map, allowedUnsafeSysctls: texts,
  evictionSoft: map, evictionSoftGracePeriod: map, evictionMinimumReclaim: map, evictionPressureTransitionPeriod: duration, evictionMaxPodGracePeriod: number,
  localStorageCapacityIsolation: flag, imageGCHighThresholdPercent: number, imageGCLowThresholdPercent: number, imageMinimumGCAge: duration,
  imageMaximumGCAge: duration, containerLogMaxSize: text, containerLogMaxFiles: number, containerLogMonitorInterval: duration,
}

/** Fields with one value that is supported. */
const fixed: Readonly<Record<string, Read<unknown>>> = { cgroupDriver: oneOf('cgroupfs'), cpuManagerPolicy: oneOf('none'), topologyManagerPolicy: oneOf('none') }

/** Throws ConfigurationError for a value of another type; fields that are not known are passed over, as their names may be newer. */
export function readConfiguration(document: unknown): KubeletConfiguration {
  const value = (document ?? {}) as Value
  if (value.kind !== undefined && value.kind !== 'KubeletConfiguration') fail('kind', 'expected KubeletConfiguration')
  const options: Record<string, unknown> = {}
  for (const [field, read] of Object.entries(fields)) if (value[field] !== undefined) options[field] = read(value[field], field)
  for (const [field, read] of Object.entries(fixed)) if (value[field] !== undefined) read(value[field], field)
  const authentication = (value.authentication ?? {}) as { x509?: Value; webhook?: Value; anonymous?: Value }
  const authorization = (value.authorization ?? {}) as Value
  const optional = <T>(read: Read<T>, item: unknown, field: string): T | undefined => (item === undefined ? undefined : read(item, field))
  return {
    options: options as Partial<KubeletOptions>,
    server: {
      address: optional(text, value.address, 'address'), port: optional(number, value.port, 'port'),
      tlsCertFile: optional(text, value.tlsCertFile, 'tlsCertFile'),
      tlsPrivateKeyFile: optional(text, value.tlsPrivateKeyFile, 'tlsPrivateKeyFile'),
      clientCAFile: optional(text, authentication.x509?.clientCAFile, 'authentication.x509.clientCAFile'),
      webhookAuthentication: optional(flag, authentication.webhook?.enabled, 'authentication.webhook.enabled'),
      anonymous: optional(flag, authentication.anonymous?.enabled, 'authentication.anonymous.enabled'),
      authorization: optional(oneOf('AlwaysAllow', 'Webhook'), authorization.mode, 'authorization.mode'),
    },
  }
}
