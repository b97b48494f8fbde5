/** The environment of a container. Upstream: kubelet_pods.go makeEnvironmentVariables, envvars.FromServices. */
import type { ConfigMap, EnvVar, FileKeySelector, Pod, Secret, Service } from '../../api/generated/types/core-v1.ts'
import { compareText } from '../../api/meta/go-text.ts'
import type { AnyContainer } from '../pod.ts'
import { type DownwardContext, fieldValue, resourceValue } from './downward.ts'
import { parseEnvFile } from './env-file.ts'
import { expand } from './expansion.ts'

/** Config maps and secrets by name; undefined when they do not exist, other failures throw. */
export interface ObjectReader {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>
  secret(namespace: string, name: string): Promise<Secret | undefined>
}

/** A file below a volume of the pod, with its place on the host; the text is undefined when there is none. */
export type VolumeFileReader = (volume: string, path: string) => Promise<{ path: string; text: string | undefined }>

/** Throws Error with upstream's text when a source is missing and not optional. */
export async function makeEnvironment(
  pod: Pod, container: AnyContainer, context: DownwardContext, services: readonly Service[], objects: ObjectReader,
  volumeFile: VolumeFileReader,
): Promise<Map<string, string>> {
  const namespace = pod.metadata.namespace!
  const fromServices = serviceEnvironment(services, namespace, pod.spec!.enableServiceLinks !== false)
  const env = new Map<string, string>()
  for (const source of container.envFrom ?? []) {
    const prefix = source.prefix ?? ''
    for (const [key, value] of await sourceEntries(source, namespace, objects)) env.set(prefix + key, value)
  }
  const lookup = (name: string) => env.get(name) ?? fromServices.get(name)
  for (const variable of container.env ?? []) {
    const file = variable.valueFrom?.fileKeyRef
    const value = file === undefined || (variable.value ?? '') !== '' ? await variableValue(variable, pod, container, context, objects, lookup) : await fileValue(file, volumeFile)
    if (value !== undefined) env.set(variable.name, value)
  }
  for (const [name, value] of fromServices) if (!env.has(name)) env.set(name, value)
  return env
}

type EnvSource = NonNullable<AnyContainer['envFrom']>[number]

async function sourceEntries(source: EnvSource, namespace: string, objects: ObjectReader): Promise<[string, string][]> {
  if (source.configMapRef !== undefined) {
    const name = source.configMapRef.name ?? ''
    const map = await objects.configMap(namespace, name)
    if (map === undefined) return missing('configmap', name, source.configMapRef.optional, [])
    return Object.entries(map.data ?? {})
  }
  if (source.secretRef !== undefined) {
    const name = source.secretRef.name ?? ''
    const secret = await objects.secret(namespace, name)
    if (secret === undefined) return missing('secret', name, source.secretRef.optional, [])
    return Object.entries(secret.data ?? {}).map(([key, value]) => [key, decode(value)])
  }
  return []
}

function missing<T>(kind: string, name: string, optional: boolean | undefined, value: T): T {
  if (optional !== true) throw new Error(`${kind} "${name}" not found`)
  return value
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8')
}

/** undefined: an optional source is not there, the variable is left out. */
async function variableValue(
  variable: EnvVar, pod: Pod, container: AnyContainer, context: DownwardContext, objects: ObjectReader, lookup: (name: string) => string | undefined,
): Promise<string | undefined> {
  const namespace = pod.metadata.namespace!
  if (variable.value !== undefined && variable.value !== '') return expand(variable.value, lookup)
  const from = variable.valueFrom
  if (from === undefined) return ''
  if (from.fieldRef !== undefined) return fieldValue(from.fieldRef, pod, context)
  if (from.resourceFieldRef !== undefined) return resourceValue(from.resourceFieldRef, pod, container, context)
  if (from.configMapKeyRef !== undefined) {
    const { name = '', key, optional } = from.configMapKeyRef
    const map = await objects.configMap(namespace, name)
    if (map === undefined) return missing('configmap', name, optional, undefined)
    return map.data?.[key] ?? missingKey(key, 'ConfigMap', namespace, name, optional)
  }
  if (from.secretKeyRef !== undefined) {
    const { name = '', key, optional } = from.secretKeyRef
    const secret = await objects.secret(namespace, name)
    if (secret === undefined) return missing('secret', name, optional, undefined)
    const value = secret.data?.[key]
    return value === undefined ? missingKey(key, 'Secret', namespace, name, optional) : decode(value)
  }
  return ''
}

async function fileValue({ volumeName, path, key, optional }: FileKeySelector, read: VolumeFileReader): Promise<string | undefined> {
  const file = await read(volumeName, path)
  let value: string
  try {
    if (file.text === undefined) throw new Error('no such file')
    value = parseEnvFile(file.text, key)
  } catch (error) {
    // What is in the file is not for the pod's status.
    throw new Error("couldn't parse env file", { cause: error })
  }
  if (value !== '') return value
  if (optional === true) return undefined
  throw new Error(`environment variable key "${key}" not found in file "${file.path}"`)
}

function missingKey(key: string, kind: string, namespace: string, name: string, optional: boolean | undefined): undefined {
  if (optional !== true) throw new Error(`couldn't find key ${key} in ${kind} ${namespace}/${name}`)
}

/** The variables that name the namespace's services and default/kubernetes. */
export function serviceEnvironment(services: readonly Service[], namespace: string, links: boolean): Map<string, string> {
  const chosen = new Map<string, Service>()
  for (const service of services) {
    const { name, namespace: home } = service.metadata
    const clusterIp = service.spec?.clusterIP ?? ''
    if (clusterIp === '' || clusterIp === 'None') continue
    const master = home === 'default' && name === 'kubernetes'
    if (master ? !chosen.has(name!) : home === namespace && links) chosen.set(name!, service)
  }
  const env = new Map<string, string>()
  for (const name of [...chosen.keys()].sort(compareText)) addService(env, chosen.get(name)!)
  return env
}

function addService(env: Map<string, string>, service: Service): void {
  const ip = service.spec!.clusterIP!
  const prefix = envName(service.metadata.name!)
  const ports = service.spec!.ports ?? []
  env.set(`${prefix}_SERVICE_HOST`, ip)
  for (const [i, { name, port, protocol = 'TCP' }] of ports.entries()) {
    if (i === 0) env.set(`${prefix}_SERVICE_PORT`, String(port))
    if (name !== undefined && name !== '') env.set(`${prefix}_SERVICE_PORT_${envName(name)}`, String(port))
    const lower = protocol.toLowerCase()
    const url = `${lower}://${ip.includes(':') ? `[${ip}]` : ip}:${port}`
    if (i === 0) env.set(`${prefix}_PORT`, url)
    const link = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`
    env.set(link, url)
    env.set(`${link}_PROTO`, lower)
    env.set(`${link}_PORT`, String(port))
    env.set(`${link}_ADDR`, ip)
  }
}

function envName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase()
}
