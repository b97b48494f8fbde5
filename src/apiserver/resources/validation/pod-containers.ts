/** Containers: of all kinds, and what holds for each kind alone. */
import type {
  Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, ExecAction, HTTPGetAction, Lifecycle, LifecycleHandler, PodSpec, Probe,
  VolumeDevice, VolumeMount,
} from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotFound, fieldNotSupported, fieldRequired, fieldTooMany, indexPath } from '../../../api/meta/field-errors.ts'
import { isHTTPHeaderName, isPortName, isPortNumber } from '../../../api/meta/names.ts'
import { dnsLabel, invalidAll, localDescendingPath, noBacksteps, nonNegative, oneOf, onlyOne, portNumberOrName, required } from './common.ts'
import { envErrors, envFromErrors } from './pod-fields.ts'
import { containerSecurityErrors } from './pod-security-context.ts'
import type { Volume } from '../../../api/generated/types/core-v1.ts'
import { requirementErrors } from './resource-lists.ts'
import { stopSignals } from './signals.ts'

/** What the checks of a container need to know of its pod. */
export interface ContainerScope {
  readonly spec: PodSpec
  readonly volumes: ReadonlyMap<string, Volume>
  readonly claims: ReadonlySet<string>
}

type AnyContainer = Container | EphemeralContainer

const protocols = ['SCTP', 'TCP', 'UDP']

function* ports(path: string, list: readonly ContainerPort[] | undefined): Generator<FieldError> {
  const names = new Set<string>()
  for (const [i, { name, containerPort, hostPort, protocol }] of (list ?? []).entries()) {
    const at = indexPath(path, i)
    if (name) {
      const wrong = isPortName(name)
      yield* invalidAll(`${at}.name`, name, wrong)
      if (wrong.length === 0 && names.has(name)) yield fieldDuplicate(`${at}.name`, name)
      if (wrong.length === 0) names.add(name)
    }
    if (!containerPort) yield fieldRequired(`${at}.containerPort`)
    else yield* invalidAll(`${at}.containerPort`, containerPort, isPortNumber(containerPort))
    if (hostPort) yield* invalidAll(`${at}.hostPort`, hostPort, isPortNumber(hostPort))
    yield* oneOf(`${at}.protocol`, protocol, protocols)
  }
}

function* propagation(path: string, mount: VolumeMount, container: AnyContainer): Generator<FieldError> {
  const mode = mount.mountPropagation
  if (mode === undefined) return
  const modes = ['Bidirectional', 'HostToContainer', 'None']
  if (!modes.includes(mode)) yield fieldNotSupported(path, mode, modes)
  if (mode === 'Bidirectional' && !container.securityContext?.privileged) {
    yield fieldForbidden(path, 'Bidirectional mount propagation is available only to privileged containers')
  }
}

function* recursiveReadOnly(path: string, { recursiveReadOnly: mode, readOnly, mountPropagation }: VolumeMount): Generator<FieldError> {
  if (mode === undefined || mode === 'Disabled') return
  if (mode !== 'Enabled' && mode !== 'IfPossible') {
    yield fieldNotSupported(path, mode, ['Disabled', 'Enabled', 'IfPossible'])
    return
  }
  if (!readOnly) yield fieldForbidden(path, 'may only be specified when readOnly is true')
  if (mountPropagation !== undefined && mountPropagation !== 'None') yield fieldForbidden(path, 'may only be specified when mountPropagation is None or not specified')
}

function* mounts(path: string, container: AnyContainer, volumes: ReadonlyMap<string, Volume>): Generator<FieldError> {
  const seen = new Set<string>()
  const devices = container.volumeDevices ?? []
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const at = indexPath(path, i)
    const { name, mountPath, subPath, subPathExpr } = mount
    yield* required(`${at}.name`, name)
    if (!volumes.has(name)) yield fieldNotFound(`${at}.name`, name ?? '')
    yield* required(`${at}.mountPath`, mountPath)
    if (seen.has(mountPath)) yield fieldInvalid(`${at}.mountPath`, mountPath, 'must be unique')
    seen.add(mountPath)
    if (devices.some((d) => d.name === name)) yield fieldInvalid(`${at}.name`, name, 'must not already exist in volumeDevices')
    if (devices.some((d) => d.devicePath === mountPath)) yield fieldInvalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices')
    if (subPath) yield* localDescendingPath(`${path}.subPath`, subPath)
    if (subPathExpr) {
      if (subPath) yield fieldInvalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive')
      yield* localDescendingPath(`${path}.subPathExpr`, subPathExpr)
    }
    yield* propagation(`${path}.mountPropagation`, mount, container)
    yield* recursiveReadOnly(`${path}.recursiveReadOnly`, mount)
  }
}

function* devices(path: string, container: AnyContainer, volumes: ReadonlyMap<string, Volume>): Generator<FieldError> {
  const [names, paths] = [new Set<string>(), new Set<string>()]
  const mounted = container.volumeMounts ?? []
  for (const [i, { name, devicePath }] of (container.volumeDevices ?? [] as VolumeDevice[]).entries()) {
    const at = indexPath(path, i)
    const volume = volumes.get(name)
    yield* required(`${at}.name`, name)
    if (names.has(name)) yield fieldInvalid(`${at}.name`, name, 'must be unique')
    if (volume === undefined) yield fieldNotFound(`${at}.name`, name ?? '')
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      yield fieldInvalid(`${at}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode')
    }
    yield* required(`${at}.devicePath`, devicePath)
    if (paths.has(devicePath)) yield fieldInvalid(`${at}.devicePath`, devicePath, 'must be unique')
    if (devicePath && [...noBacksteps('', devicePath)].length > 0) yield fieldInvalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')")
    else paths.add(devicePath)
    if (mounted.some((m) => m.name === name)) yield fieldInvalid(`${at}.name`, name, 'must not already exist in volumeMounts')
    if (mounted.some((m) => m.mountPath === devicePath)) yield fieldInvalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts')
    if (name) names.add(name)
  }
}

const resizeResources = ['cpu', 'memory']
const resizePolicies = ['NotRequired', 'RestartContainer']

function* resize(path: string, policies: readonly ContainerResizePolicy[] | undefined, podRestartPolicy: string | undefined): Generator<FieldError> {
  const seen = new Set<string>()
  for (const [i, { resourceName, restartPolicy }] of (policies ?? []).entries()) {
    if (seen.has(resourceName)) yield fieldDuplicate(indexPath(path, i), resourceName)
    seen.add(resourceName)
    yield* oneOf(path, resourceName, resizeResources)
    yield* oneOf(path, restartPolicy, resizePolicies)
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      yield fieldInvalid(path, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'")
    }
  }
}

/** What holds for every container. */
function* common(path: string, container: AnyContainer, { spec, volumes, claims }: ContainerScope): Generator<FieldError> {
  if (!container.name) yield fieldRequired(`${path}.name`)
  else yield* dnsLabel(`${path}.name`, container.name)
  yield* required(`${path}.image`, container.image)
  yield* oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError'])
  yield* ports(`${path}.ports`, container.ports)
  yield* envErrors(`${path}.env`, container.env)
  yield* envFromErrors(`${path}.envFrom`, container.envFrom)
  yield* mounts(`${path}.volumeMounts`, container, volumes)
  yield* devices(`${path}.volumeDevices`, container, volumes)
  yield* oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never'])
  yield* requirementErrors(`${path}.resources`, container.resources, claims)
  yield* resize(`${path}.resizePolicy`, container.resizePolicy, spec.restartPolicy)
  yield* containerSecurityErrors(`${path}.securityContext`, container.securityContext, spec.hostUsers !== false)
}

function* httpGet(path: string, action: HTTPGetAction): Generator<FieldError> {
  yield* required(`${path}.path`, action.path)
  yield* portNumberOrName(`${path}.port`, action.port)
  if (action.scheme !== 'HTTP' && action.scheme !== 'HTTPS') yield fieldNotSupported(`${path}.scheme`, action.scheme ?? '', ['HTTP', 'HTTPS'])
  for (const { name } of action.httpHeaders ?? []) yield* invalidAll(`${path}.httpHeaders`, name, isHTTPHeaderName(name))
}

function* exec(path: string, { command }: ExecAction): Generator<FieldError> {
  if (!command?.length) yield fieldRequired(`${path}.command`)
}

function* sleep(path: string, seconds: number, grace: number | undefined): Generator<FieldError> {
  if (grace !== undefined && (seconds < 0 || seconds > grace)) {
    yield fieldInvalid(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`)
  }
}

function* handler(path: string, h: Probe & LifecycleHandler, grace: number | undefined): Generator<FieldError> {
  const count = yield* onlyOne(path, [
    ['exec', h.exec, () => exec(`${path}.exec`, h.exec!)],
    ['httpGet', h.httpGet, () => httpGet(`${path}.httpGet`, h.httpGet!)],
    ['tcpSocket', h.tcpSocket, () => portNumberOrName(`${path}.tcpSocket.port`, h.tcpSocket!.port)],
    ['grpc', h.grpc, () => portNumberOrName(`${path}.grpc.port`, h.grpc!.port)],
    ['sleep', h.sleep, () => sleep(`${path}.sleep`, h.sleep!.seconds, grace)],
  ], 'may not specify more than 1 handler type')
  if (count === 0) yield fieldRequired(path, 'must specify a handler type')
}

const probeNumbers = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const

function* probe(path: string, p: Probe | undefined, kind: 'liveness' | 'readiness' | 'startup', grace: number | undefined): Generator<FieldError> {
  if (p === undefined) return
  yield* handler(path, p, grace)
  for (const name of probeNumbers) yield* nonNegative(`${path}.${name}`, p[name])
  const own = p.terminationGracePeriodSeconds
  if (own !== undefined && own <= 0) yield fieldInvalid(`${path}.terminationGracePeriodSeconds`, own, 'must be greater than 0')
  if (kind === 'readiness') {
    if (own !== undefined) yield fieldInvalid(`${path}.terminationGracePeriodSeconds`, own, 'must not be set for readinessProbes')
  } else if (p.successThreshold !== 1) yield fieldInvalid(`${path}.successThreshold`, p.successThreshold ?? 0, 'must be 1')
}

function* lifecycle(path: string, l: Lifecycle | undefined, spec: PodSpec): Generator<FieldError> {
  const grace = spec.terminationGracePeriodSeconds
  if (l?.postStart !== undefined) yield* handler(`${path}.postStart`, l.postStart, grace)
  if (l?.preStop !== undefined) yield* handler(`${path}.preStop`, l.preStop, grace)
  if (l?.stopSignal === undefined) return
  const signals = stopSignals[spec.os?.name ?? '']
  if (spec.os === undefined) yield fieldForbidden(`${path}.stopSignal`, 'may not be set for containers with empty `spec.os.name`')
  else if (signals !== undefined && !signals.includes(l.stopSignal)) yield fieldNotSupported(`${path}.stopSignal`, l.stopSignal, signals)
}

function* handlers(path: string, container: Container, spec: PodSpec): Generator<FieldError> {
  const grace = spec.terminationGracePeriodSeconds
  yield* lifecycle(`${path}.lifecycle`, container.lifecycle, spec)
  yield* probe(`${path}.livenessProbe`, container.livenessProbe, 'liveness', grace)
  yield* probe(`${path}.readinessProbe`, container.readinessProbe, 'readiness', grace)
  yield* probe(`${path}.startupProbe`, container.startupProbe, 'startup', grace)
}

const restartPolicies = ['Always', 'Never', 'OnFailure']

function* restartRules(path: string, container: Container): Generator<FieldError> {
  const { restartPolicy, restartPolicyRules: rules = [] } = container
  if (restartPolicy === undefined) {
    if (rules.length > 0) yield fieldRequired(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used')
  } else if (!restartPolicies.includes(restartPolicy)) yield fieldNotSupported(`${path}.restartPolicy`, restartPolicy, restartPolicies)
  if (rules.length > 20) yield fieldTooMany(`${path}.restartPolicyRules`, rules.length, 20)
  for (const [i, { action, exitCodes }] of rules.entries()) {
    const at = indexPath(`${path}.restartPolicyRules`, i)
    const actions = ['Restart', 'RestartAllContainers']
    if (!actions.includes(action ?? '')) yield fieldNotSupported(`${at}.action`, action ?? '', actions)
    if (exitCodes === undefined) yield fieldRequired(`${at}.exitCodes`, 'must be specified')
    else {
      if (!['In', 'NotIn'].includes(exitCodes.operator)) yield fieldNotSupported(`${at}.exitCodes.operator`, exitCodes.operator, ['In', 'NotIn'])
      if ((exitCodes.values?.length ?? 0) > 255) yield fieldTooMany(`${at}.exitCodes.values`, exitCodes.values!.length, 255)
    }
  }
}

/** One host port of one protocol and address is one container's. */
function* hostPortConflicts(path: string, containers: readonly Container[]): Generator<FieldError> {
  const taken = new Set<string>()
  for (const [i, container] of containers.entries()) {
    for (const [j, { hostPort, hostIP = '', protocol }] of (container.ports ?? []).entries()) {
      if (!hostPort) continue
      const key = `${protocol}/${hostIP}/${hostPort}`
      if (taken.has(key)) yield fieldDuplicate(`${indexPath(path, i)}.ports[${j}].hostPort`, key)
      taken.add(key)
    }
  }
}

export function* containerErrors(path: string, scope: ContainerScope): Generator<FieldError> {
  const containers = scope.spec.containers ?? []
  if (containers.length === 0) {
    yield fieldRequired(path)
    return
  }
  const names = new Set<string>()
  for (const [i, container] of containers.entries()) {
    const at = indexPath(path, i)
    yield* common(at, container, scope)
    if (names.has(container.name)) yield fieldDuplicate(`${at}.name`, container.name)
    names.add(container.name)
    yield* handlers(at, container, scope.spec)
    yield* restartRules(at, container)
  }
  yield* hostPortConflicts(path, containers)
}

const sidecarOnly = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const

export function* initContainerErrors(path: string, scope: ContainerScope): Generator<FieldError> {
  const names = new Set((scope.spec.containers ?? []).map((c) => c.name))
  for (const [i, container] of (scope.spec.initContainers ?? []).entries()) {
    const at = indexPath(path, i)
    const sidecar = container.restartPolicy === 'Always'
    yield* common(at, container, scope)
    yield* restartRules(at, container)
    if (names.has(container.name)) yield fieldDuplicate(`${at}.name`, container.name)
    else if (container.name) names.add(container.name)
    yield* hostPortConflicts(path, [container])
    if (sidecar) yield* handlers(at, container, scope.spec)
    else {
      for (const name of sidecarOnly) {
        if (container[name] !== undefined) yield fieldForbidden(`${at}.${name}`, 'may not be set for init containers without restartPolicy=Always')
      }
      for (const [j, { restartPolicy }] of (container.resizePolicy ?? []).entries()) {
        if (restartPolicy !== 'RestartContainer') continue
        yield fieldInvalid(`${at}.resizePolicy[${j}].restartPolicy`, restartPolicy, "must not be set to 'RestartContainer' for non-sidecar initContainers")
      }
    }
  }
}

const ephemeralRefuses = ['ports', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'resources', 'resizePolicy', 'restartPolicy', 'restartPolicyRules'] as const

export function* ephemeralContainerErrors(path: string, scope: ContainerScope): Generator<FieldError> {
  const { spec } = scope
  const others = new Set([...spec.containers ?? [], ...spec.initContainers ?? []].map((c) => c.name))
  const names = new Set(others)
  for (const [i, container] of (spec.ephemeralContainers ?? []).entries()) {
    const at = indexPath(path, i)
    yield* common(at, container, scope)
    yield* imageSpaces(at, container)
    if (names.has(container.name)) yield fieldDuplicate(`${at}.name`, container.name)
    names.add(container.name)
    const target = container.targetContainerName
    if (target && !others.has(target)) yield fieldNotFound(`${at}.targetContainerName`, target)
    for (const name of ephemeralRefuses) {
      const value = container[name]
      const set = name === 'resources' ? Object.keys(value ?? {}).length > 0 : value !== undefined
      if (set) yield fieldForbidden(`${at}.${name}`, 'cannot be set for an Ephemeral Container')
    }
    for (const [j, mount] of (container.volumeMounts ?? []).entries()) {
      for (const name of ['subPath', 'subPathExpr'] as const) {
        if (mount[name]) yield fieldForbidden(`${at}.volumeMounts[${j}].${name}`, 'cannot be set for an Ephemeral Container')
      }
    }
  }
}

/** Of pods alone: templates may have images that something will trim. */
export function* imageSpaces(path: string, { image = '' }: AnyContainer): Generator<FieldError> {
  if (image !== image.trim()) yield fieldInvalid(`${path}.image`, image, 'must not have leading or trailing whitespace')
}
