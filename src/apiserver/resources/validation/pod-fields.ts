/** References from a pod to its own fields and to keys of other objects, and its environment. */
import type {
  ConfigMapKeySelector, EnvFromSource, EnvVar, FileKeySelector, ObjectFieldSelector, ResourceFieldSelector, SecretKeySelector,
} from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { isConfigMapKey, isDNS1123Subdomain, isRelaxedEnvVarName, nameIsDNSSubdomain } from '../../../api/meta/names.ts'
import { quantityIsZero } from '../../../api/meta/quantity.ts'
import { dnsLabel, invalidAll, noBacksteps, qualifiedName, required } from './common.ts'

export const volumeFieldPaths = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid']
const envFieldPaths = [
  'metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName', 'status.hostIP',
  'status.hostIPs', 'status.podIP', 'status.podIPs',
]
/** Labels that the downward API knows at all; "spec.host" is an old name. */
const knownPaths = new Set([
  'metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName',
  'spec.restartPolicy', 'spec.serviceAccountName', 'spec.schedulerName', 'status.phase', 'status.hostIP', 'status.hostIPs',
  'status.podIP', 'status.podIPs', 'spec.host',
])

export function* fieldSelector(path: string, { apiVersion, fieldPath }: ObjectFieldSelector, allowed: readonly string[]): Generator<FieldError> {
  if (!apiVersion) {
    yield fieldRequired(`${path}.apiVersion`)
    return
  }
  if (!fieldPath) {
    yield fieldRequired(`${path}.fieldPath`)
    return
  }
  const subscript = /^([^[\]]+)\['(.*)'\]$/.exec(fieldPath)
  const name = subscript === null ? fieldPath : subscript[1]!
  const problem = apiVersion !== 'v1' ? `unsupported pod version: ${apiVersion}`
    : subscript !== null && name !== 'metadata.annotations' && name !== 'metadata.labels' ? `field label does not support subscript: ${fieldPath}`
      : knownPaths.has(name) ? undefined : `field label not supported: ${fieldPath}`
  if (problem !== undefined) yield fieldInvalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${problem}`)
  else if (subscript !== null) yield* qualifiedName(path, name === 'metadata.annotations' ? subscript[2]!.toLowerCase() : subscript[2]!)
  else if (!allowed.includes(name)) yield fieldNotSupported(`${path}.fieldPath`, name, allowed)
}

const resourcePaths = ['limits.cpu', 'limits.ephemeral-storage', 'limits.memory', 'requests.cpu', 'requests.ephemeral-storage', 'requests.memory']
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']

const isHugePages = (resource: string): boolean => resource.startsWith('requests.hugepages-') || resource.startsWith('limits.hugepages-')

function* divisorErrors(path: string, resource: string, divisor: string): Generator<FieldError> {
  const name = resource.replace(/^(limits|requests)\./, '')
  if (name === 'cpu' && divisor !== '1m' && divisor !== '1') {
    yield fieldInvalid(`${path}.divisor`, resource, "only divisor's values 1m and 1 are supported with the cpu resource")
  }
  const kind = name === 'memory' ? 'memory' : name === 'ephemeral-storage' ? 'local ephemeral storage' : isHugePages(resource) ? 'hugepages' : undefined
  if (kind !== undefined && !byteDivisors.includes(divisor)) {
    yield fieldInvalid(`${path}.divisor`, resource, `only divisor's values ${byteDivisors.join(', ')} are supported with the ${kind} resource`)
  }
}

export function* resourceFieldSelector(path: string, selector: ResourceFieldSelector, inVolume: boolean): Generator<FieldError> {
  const { containerName, divisor } = selector
  // The wire may leave out what the type requires.
  const resource = selector.resource || ''
  if (inVolume && !containerName) yield fieldRequired(`${path}.containerName`)
  else if (resource === '') yield fieldRequired(`${path}.resource`)
  else if (!resourcePaths.includes(resource) && !isHugePages(resource)) yield fieldNotSupported(`${path}.resource`, resource, resourcePaths)
  if (divisor !== undefined && !quantityIsZero(divisor)) yield* divisorErrors(path, resource, String(divisor))
}

function* keySelector(path: string, { name = '', key }: ConfigMapKeySelector | SecretKeySelector): Generator<FieldError> {
  yield* invalidAll(`${path}.name`, name, isDNS1123Subdomain(name))
  if (!key) yield fieldRequired(`${path}.key`)
  else yield* invalidAll(`${path}.key`, key, isConfigMapKey(key))
}

function* fileKeySelector(path: string, { key, volumeName, path: target }: FileKeySelector): Generator<FieldError> {
  if (!key) yield fieldRequired(`${path}.key`)
  else yield* invalidAll(`${path}.key`, key, isRelaxedEnvVarName(key))
  if (!volumeName) yield fieldRequired(`${path}.volumeName`)
  else yield* dnsLabel(`${path}.volumeName`, volumeName)
  if (!target) yield fieldRequired(`${path}.path`)
  else yield* noBacksteps(`${path}.path`, target)
}

function* valueFrom(path: string, { value, valueFrom: from }: EnvVar): Generator<FieldError> {
  if (from === undefined) return
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = from
  if (fieldRef !== undefined) yield* fieldSelector(`${path}.fieldRef`, fieldRef, envFieldPaths)
  if (resourceFieldRef !== undefined) yield* resourceFieldSelector(`${path}.resourceFieldRef`, resourceFieldRef, false)
  if (configMapKeyRef !== undefined) yield* keySelector(`${path}.configMapKeyRef`, configMapKeyRef)
  if (secretKeyRef !== undefined) yield* keySelector(`${path}.secretKeyRef`, secretKeyRef)
  if (fileKeyRef !== undefined) yield* fileKeySelector(`${path}.fileKeyRef`, fileKeyRef)
  const count = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter((source) => source !== undefined).length
  if (count === 0) yield fieldInvalid(path, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`')
  else if (value) yield fieldInvalid(path, '', 'may not be specified when `value` is not empty')
  else if (count > 1) yield fieldInvalid(path, '', 'may not have more than one field specified at a time')
}

export function* envErrors(path: string, env: readonly EnvVar[] | undefined): Generator<FieldError> {
  for (const [i, variable] of (env ?? []).entries()) {
    const at = indexPath(path, i)
    if (!variable.name) yield fieldRequired(`${at}.name`)
    else yield* invalidAll(`${at}.name`, variable.name, isRelaxedEnvVarName(variable.name))
    yield* valueFrom(`${at}.valueFrom`, variable)
  }
}

export function* envFromErrors(path: string, sources: readonly EnvFromSource[] | undefined): Generator<FieldError> {
  for (const [i, { prefix, configMapRef, secretRef }] of (sources ?? []).entries()) {
    const at = indexPath(path, i)
    if (prefix) yield* invalidAll(`${at}.prefix`, prefix, isRelaxedEnvVarName(prefix))
    for (const [name, ref] of [['configMapRef', configMapRef], ['secretRef', secretRef]] as const) {
      if (ref === undefined) continue
      yield* required(`${at}.${name}.name`, ref.name)
      if (ref.name) yield* invalidAll(`${at}.${name}.name`, ref.name, nameIsDNSSubdomain(ref.name, true))
    }
    if (configMapRef === undefined && secretRef === undefined) yield fieldInvalid(path, '', 'must specify one of: `configMapRef` or `secretRef`')
    else if (configMapRef !== undefined && secretRef !== undefined) yield fieldInvalid(path, '', 'may not have more than one field specified at a time')
  }
}
