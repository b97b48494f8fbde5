/** What a client is told of pods and pod templates that are taken but not what was meant (upstream: pkg/api/pod/warnings.go). */
import type { Affinity, Container, ContainerPort, EnvVar, EphemeralContainer, PodSpec, PodTemplateSpec, Volume } from '../../../api/generated/types/core-v1.ts'
import { isDNS1123Label } from '../../../api/meta/names.ts'
import type { KubeObject, ObjectMeta } from '../../../api/meta/object.ts'
import { semanticEqual } from './common.ts'
import { ipWarnings } from './ip-warnings.ts'
import { deprecatedNodeLabel, nodeSelectorTermWarnings } from './node-labels.ts'
import { overlapWarnings } from './path-warnings.ts'
import { forEachContainer } from './pod-walk.ts'
import { claimSpecWarnings, fractionWarning } from './quantity-warnings.ts'

const annotations: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
}
const volumes: Readonly<Partial<Record<keyof Volume, string>>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+', gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+', flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+', quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+', cephfs: 'deprecated in v1.28, non-functional in v1.31+', rbd: 'deprecated in v1.28, non-functional in v1.31+',
}
/** Upstream's own spelling of one field. */
const volumeFields: Readonly<Record<string, string>> = { storageos: 'storageOS' }

/** Names that become part of hostnames, where a label is wanted; `where` tells whose. */
export function* hostnameWarnings(name: string, where = 'used in Pod names and hostnames'): Generator<string> {
  const messages = isDNS1123Label(name)
  if (messages.length > 0) yield `metadata.name: this is ${where}, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`
}

/** Of a workload whose template stands at spec.template: for a new one and for a changed one. */
export function* templateWarnings(path: string, template: PodTemplateSpec | undefined, old?: { readonly template: PodTemplateSpec | undefined }): Generator<string> {
  if (template === undefined || (old !== undefined && semanticEqual(template, old.template))) return
  yield* podWarnings(path, template.spec, template.metadata)
}

/** `path`: of the template; '' for a pod itself. */
export function* podWarnings(path: string, spec: PodSpec | undefined, metadata: ObjectMeta | undefined): Generator<string> {
  if (spec === undefined) return
  const at = path === '' ? 'spec' : `${path}.spec`
  const notes = path === '' ? 'metadata.annotations' : `${path}.metadata.annotations`
  yield* placementWarnings(at, spec)
  for (const key in metadata?.annotations) if (Object.hasOwn(annotations, key)) yield `${notes}[${key}]: ${annotations[key]}`
  if (spec.volumes !== undefined) {
    for (const [i, volume] of spec.volumes.entries()) yield* volumeWarnings(`${at}.volumes[${i}]`, volume)
    yield* overlapWarnings(spec.volumes)
  }
  yield* listWarnings(at, spec)
  for (const name of ['memory', 'ephemeral-storage']) yield* fractionWarning(`${at}.overhead`, spec.overhead, name)
  if (metadata?.annotations !== undefined) yield* profileWarnings(notes, spec, metadata.annotations, path !== '')
  const containers: [Container | EphemeralContainer, string][] = []
  forEachContainer(at, spec, (container, where) => containers.push([container, where]))
  for (const [container, where] of containers) yield* containerWarnings(where, container)
  yield* portWarnings(containers)
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) yield `${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`
  yield* affinityWarnings(`${at}.affinity`, spec.affinity)
  for (const [i, server] of (spec.dnsConfig?.nameservers ?? []).entries()) yield* ipWarnings(`${at}.dnsConfig.nameservers[${i}]`, server)
  for (const [i, alias] of (spec.hostAliases ?? []).entries()) yield* ipWarnings(`${at}.hostAliases[${i}].ip`, alias.ip)
}

function* placementWarnings(at: string, { nodeSelector, affinity, topologySpreadConstraints }: PodSpec): Generator<string> {
  for (const key in nodeSelector) {
    const text = deprecatedNodeLabel(key)
    if (text !== undefined) yield `${at}.nodeSelector[${key}]: ${text}`
  }
  const node = affinity?.nodeAffinity
  for (const [i, term] of (node?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []).entries()) {
    yield* nodeSelectorTermWarnings(`${at}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${i}]`, term)
  }
  for (const [i, { preference }] of (node?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    yield* nodeSelectorTermWarnings(`${at}.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`, preference, true)
  }
  for (const [i, { topologyKey, labelSelector }] of (topologySpreadConstraints ?? []).entries()) {
    const text = deprecatedNodeLabel(topologyKey)
    if (text !== undefined) yield `${at}.topologySpreadConstraints[${i}].topologyKey: ${topologyKey} is ${text}`
    if (!labelSelector) yield `${at}.topologySpreadConstraints[${i}].labelSelector: a null labelSelector results in matching no pod`
  }
}

function* volumeWarnings(at: string, volume: Volume): Generator<string> {
  for (const name in volume) {
    const text = volumes[name as keyof Volume]
    if (text !== undefined && volume[name as keyof Volume] !== undefined) yield `${at}.${volumeFields[name] ?? name}: ${text}`
  }
  if (volume.ephemeral?.volumeClaimTemplate !== undefined) yield* claimSpecWarnings(`${at}.ephemeral.volumeClaimTemplate.spec`, volume.ephemeral.volumeClaimTemplate.spec)
}

function* listWarnings(at: string, { hostAliases = [], imagePullSecrets = [] }: PodSpec): Generator<string> {
  for (const [i, { ip }] of hostAliases.entries()) {
    if (hostAliases.findIndex((other) => other.ip === ip) < i) yield `${at}.hostAliases[${i}].ip: duplicate ip ${JSON.stringify(ip)}`
  }
  for (const [i, { name = '' }] of imagePullSecrets.entries()) {
    if (imagePullSecrets.findIndex((other) => (other.name ?? '') === name) < i) yield `${at}.imagePullSecrets[${i}].name: duplicate name ${JSON.stringify(name)}`
  }
  for (const [i, { name = '' }] of imagePullSecrets.entries()) if (name === '') yield `${at}.imagePullSecrets[${i}].name: invalid empty name ""`
}

const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/'
const appArmor = 'container.apparmor.security.beta.kubernetes.io/'

/** Profiles by annotation, which the fields have taken the place of. Pods themselves have theirs copied to the fields. */
function* profileWarnings(notes: string, spec: PodSpec, given: Readonly<Record<string, string>>, template: boolean): Generator<string> {
  const seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead'
  if (spec.securityContext?.seccompProfile === undefined && given[seccompPod] !== undefined) yield `${notes}[${seccompPod}]: ${seccomp}`
  const found: string[] = []
  forEachContainer('', spec, ({ name, securityContext }) => {
    if (securityContext?.seccompProfile === undefined && given[seccompContainer + name] !== undefined) found.push(`${notes}[${seccompContainer}${name}]: ${seccomp}`)
    if (!template || securityContext?.appArmorProfile !== undefined || given[appArmor + name] === undefined) return
    const whole = spec.securityContext?.appArmorProfile
    if (whole === undefined || !semanticEqual(whole, profileOf(given[appArmor + name]!))) {
      found.push(`${notes}[${appArmor}${name}]: deprecated since v1.30; use the "appArmorProfile" field instead`)
    }
  })
  yield* found
}

function profileOf(annotation: string): object | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' }
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' }
  return annotation.startsWith('localhost/') ? { type: 'Localhost', localhostProfile: annotation.slice('localhost/'.length) } : undefined
}

function* containerWarnings(at: string, { resources, env }: Container | EphemeralContainer): Generator<string> {
  if (resources !== undefined) {
    for (const name of ['memory', 'ephemeral-storage']) {
      yield* fractionWarning(`${at}.resources.limits`, resources.limits, name)
      yield* fractionWarning(`${at}.resources.requests`, resources.requests, name)
    }
  }
  if (env !== undefined && env.length > 1) yield* envWarnings(at, env)
}

function* envWarnings(at: string, env: readonly EnvVar[]): Generator<string> {
  const seen = new Set<string>()
  for (const [i, { name, value = '', valueFrom }] of env.entries()) {
    const reference = `$(${name})`
    if (!seen.has(name)) seen.add(name)
    else if (valueFrom !== undefined || value === reference || !value.includes(reference)) {
      yield `${at}.env[${i}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`
    }
  }
}

function* portWarnings(containers: readonly (readonly [Container | EphemeralContainer, string])[]): Generator<string> {
  const ports = containers.flatMap(([{ ports: own }, at]) => (own ?? []).map((port, i) => ({ port, at: `${at}.ports[${i}]` })))
  for (const [i, { port, at }] of ports.entries()) {
    if (port.hostIP && !port.hostPort) yield `${at}: hostIP set without hostPort: ${printed(port)}`
    for (const other of ports.slice(0, i)) {
      if (port.containerPort !== other.port.containerPort || port.protocol !== other.port.protocol) continue
      const how = conflict(port, other.port)
      if (how !== undefined) yield `${at}: ${how} port definition with ${other.at}`
    }
  }
  const named = new Map<string, string>()
  for (const { port: { name }, at } of ports) {
    const other = name ? named.get(name) : undefined
    if (other !== undefined) yield `${at}: duplicate port name ${JSON.stringify(name)} with ${other}, services and probes that select ports by name will use ${other}`
    else if (name) named.set(name, at)
  }
}

function conflict(a: ContainerPort, b: ContainerPort): string | undefined {
  const [hostA, hostB, ipA, ipB] = [a.hostPort ?? 0, b.hostPort ?? 0, a.hostIP ?? '', b.hostIP ?? '']
  if (ipA === ipB && hostA === hostB) return 'duplicate'
  if (hostA === 0 || hostB === 0) return 'overlapping'
  return hostA === hostB && (ipA === '') !== (ipB === '') ? 'dangerously ambiguous' : undefined
}

const printed = ({ name = '', hostPort = 0, containerPort, protocol = '', hostIP = '' }: ContainerPort): string =>
  `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`

function* affinityWarnings(at: string, affinity: Affinity | undefined): Generator<string> {
  const nothing = 'a null labelSelector results in matching no pod'
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    for (const [i, term] of (affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      if (!term.labelSelector) yield `${at}.${kind}.requiredDuringSchedulingIgnoredDuringExecution[${i}].labelSelector: ${nothing}`
    }
    for (const [i, { podAffinityTerm: term }] of (affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      if (!term.labelSelector) yield `${at}.${kind}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm.labelSelector: ${nothing}`
    }
  }
}

type Workload = KubeObject & { spec?: { template?: PodTemplateSpec } }

/** For kinds that make pods named after themselves. */
export function* workloadWarnings(object: Workload, old: Workload | undefined): Generator<string> {
  if (old === undefined) yield* hostnameWarnings(object.metadata.name ?? '')
  yield* templateWarnings('spec.template', object.spec?.template, old === undefined ? undefined : { template: old.spec?.template })
}
