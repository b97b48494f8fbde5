/** Security contexts of pods and containers. */
import type {
  AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext, WindowsSecurityContextOptions,
} from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, fieldTooLong, indexPath } from '../../../api/meta/field-errors.ts'
import { isDNS1123Subdomain, isUserID } from '../../../api/meta/names.ts'
import { invalidAll, localDescendingPath, optionalOneOf } from './common.ts'
import { forEachContainer } from './pod-walk.ts'

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined']

function* seccomp(path: string, profile: SeccompProfile | undefined): Generator<FieldError> {
  if (profile === undefined) return
  if (!profile.type) yield fieldRequired(`${path}.type`, 'type is required when seccompProfile is set')
  else if (!profileTypes.includes(profile.type)) yield fieldNotSupported(`${path}.type`, profile.type, profileTypes)
  const { localhostProfile } = profile
  if (profile.type !== 'Localhost') {
    if (localhostProfile !== undefined) {
      yield fieldInvalid(`${path}.localhostProfile`, { Type: profile.type, LocalhostProfile: localhostProfile }, 'can only be set when seccomp type is Localhost')
    }
  } else if (localhostProfile === undefined) yield fieldRequired(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost')
  else yield* localDescendingPath(`${path}.localhostProfile`, localhostProfile)
}

function* appArmor(path: string, profile: AppArmorProfile | undefined): Generator<FieldError> {
  if (profile === undefined) return
  const { type, localhostProfile } = profile
  if (!type) yield fieldRequired(`${path}.type`, 'type is required when appArmorProfile is set')
  else if (!profileTypes.includes(type)) yield fieldNotSupported(`${path}.type`, type, profileTypes)
  else if (type !== 'Localhost') {
    if (localhostProfile !== undefined) yield fieldInvalid(`${path}.localhostProfile`, localhostProfile, 'can only be set when AppArmor type is Localhost')
  } else if (!localhostProfile) yield fieldRequired(`${path}.localhostProfile`, 'must be set when AppArmor type is Localhost')
  else {
    if (localhostProfile.trim() !== localhostProfile) yield fieldInvalid(`${path}.localhostProfile`, localhostProfile, 'must not be padded with whitespace')
    if (localhostProfile.length > 4095) yield fieldTooLong(`${path}.localhostProfile`, 4095)
  }
}

const netBios = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/
const dnsDomain = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/

function* windowsUser(path: string, name: string): Generator<FieldError> {
  const wrong = (why: string): FieldError => fieldInvalid(path, name, why)
  const parts = name.split('\\')
  if (name === '') yield wrong('runAsUserName cannot be an empty string')
  else if (/\p{Cc}/u.test(name)) yield wrong('runAsUserName cannot contain control characters')
  else if (parts.length > 2) yield wrong('runAsUserName cannot contain more than one backslash')
  else {
    const [domain, user] = parts.length === 1 ? ['', parts[0]!] : [parts[0]!, parts[1]!]
    if (domain.length >= 256) yield wrong("runAsUserName's Domain length must be under 256 characters")
    if (parts.length === 2 && !netBios.test(domain) && !dnsDomain.test(domain)) yield wrong("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
    if (user === '') yield wrong("runAsUserName's User cannot be empty")
    else if (user.length > 104) yield wrong("runAsUserName's User length must not be longer than 104 characters")
    if (/^[. ]+$/.test(user)) yield wrong("runAsUserName's User cannot contain only periods or spaces")
    if (/["/\\:;|=,+*?<>@[\]]/.test(user)) yield wrong('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]')
  }
}

function* windows(path: string, options: WindowsSecurityContextOptions | undefined): Generator<FieldError> {
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName } = options ?? {}
  if (name !== undefined) yield* invalidAll(`${path}.gmsaCredentialSpecName`, name, isDNS1123Subdomain(name))
  if (spec === '') yield fieldInvalid(`${path}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec cannot be an empty string')
  else if ((spec?.length ?? 0) > 65536) yield fieldInvalid(`${path}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec size must be under 64 KiB')
  if (runAsUserName !== undefined) yield* windowsUser(`${path}.runAsUserName`, runAsUserName)
}

const internalProfile = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || !('type' in value)) return value ?? null
  return { Type: value.type, LocalhostProfile: (value as SeccompProfile).localhostProfile ?? null }
}

/** A security context as upstream's own (internal) type prints it. */
function internalContext(context: SecurityContext): Record<string, unknown> {
  const names = [
    'capabilities', 'privileged', 'seLinuxOptions', 'windowsOptions', 'runAsUser', 'runAsGroup', 'runAsNonRoot',
    'readOnlyRootFilesystem', 'allowPrivilegeEscalation', 'procMount', 'seccompProfile', 'appArmorProfile',
  ] as const
  const internalName = (name: string): string => (name === 'seLinuxOptions' ? 'SELinuxOptions' : name[0]!.toUpperCase() + name.slice(1))
  return Object.fromEntries(names.map((name) => [internalName(name), name === 'capabilities' && context.capabilities !== undefined
    ? { Add: context.capabilities.add ?? null, Drop: context.capabilities.drop ?? null } : internalProfile(context[name])]))
}

export function* containerSecurityErrors(path: string, context: SecurityContext | undefined, hostUsers: boolean): Generator<FieldError> {
  if (context === undefined) return
  for (const name of ['runAsUser', 'runAsGroup'] as const) {
    const id = context[name]
    if (id !== undefined) yield* invalidAll(`${path}.${name}`, id, isUserID(id))
  }
  const { procMount } = context
  yield* optionalOneOf(`${path}.procMount`, procMount, ['Default', 'Unmasked'])
  if (hostUsers && procMount === 'Unmasked') yield fieldInvalid(`${path}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`')
  yield* seccomp(`${path}.seccompProfile`, context.seccompProfile)
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged) yield fieldInvalid(path, internalContext(context), 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true')
    for (const capability of context.capabilities?.add ?? []) {
      if (capability !== 'CAP_SYS_ADMIN') continue
      yield fieldInvalid(path, internalContext(context), 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN')
    }
  }
  yield* windows(`${path}.windowsOptions`, context.windowsOptions)
  yield* appArmor(`${path}.appArmorProfile`, context.appArmorProfile)
}

const sysctlForm = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$'
const sysctlSegment = /^[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?$/

function* sysctls(path: string, spec: PodSpec): Generator<FieldError> {
  const seen = new Set<string>()
  for (const [i, { name }] of (spec.securityContext?.sysctls ?? []).entries()) {
    const at = `${indexPath(path, i)}.name`
    const wellFormed = (name?.length ?? 0) <= 253 && (name ?? '').split(/[./]/).every((segment) => sysctlSegment.test(segment))
    if (!name) yield fieldRequired(at)
    else if (!wellFormed) yield fieldInvalid(at, name, `must have at most 253 characters and match regex ${sysctlForm}`)
    else if (seen.has(name)) yield fieldDuplicate(at, name)
    const dotted = (name ?? '').replaceAll('/', '.')
    if (spec.hostNetwork && dotted.startsWith('net.')) yield fieldInvalid(at, name, "may not be specified when 'hostNetwork' is true")
    else if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(dotted)) yield fieldInvalid(at, name, "may not be specified when 'hostIPC' is true")
    seen.add(name)
  }
}

function* groups(path: string, context: PodSecurityContext): Generator<FieldError> {
  for (const name of ['fsGroup', 'runAsUser', 'runAsGroup'] as const) {
    const id = context[name]
    if (id !== undefined) yield* invalidAll(`${path}.${name}`, id, isUserID(id))
  }
  for (const [i, id] of (context.supplementalGroups ?? []).entries()) {
    yield* invalidAll(indexPath(`${path}.supplementalGroups`, i), id, isUserID(id))
  }
}

export function* podSecurityErrors(path: string, spec: PodSpec): Generator<FieldError> {
  const context = spec.securityContext
  if (context === undefined) return
  yield* groups(path, context)
  if (spec.shareProcessNamespace && spec.hostPID) {
    yield fieldInvalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled')
  }
  yield* sysctls(`${path}.sysctls`, spec)
  yield* optionalOneOf(`${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch'])
  yield* seccomp(`${path}.seccompProfile`, context.seccompProfile)
  yield* windows(`${path}.windowsOptions`, context.windowsOptions)
  yield* appArmor(`${path}.appArmorProfile`, context.appArmorProfile)
  yield* optionalOneOf(`${path}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict'])
  yield* optionalOneOf(`${path}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['MountOption', 'Recursive'])
}

/** Windows host processes: all containers of a pod or none, and on the host's network. */
export function* hostProcessErrors(path: string, spec: PodSpec): Generator<FieldError> {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess
  let [all, hostProcesses] = [0, 0]
  const errors: FieldError[] = []
  forEachContainer(path, spec, (container, at) => {
    all++
    const own = container.securityContext?.windowsOptions?.hostProcess
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      errors.push(fieldInvalid(`${at}.securityContext.windowsOptions.hostProcess`, own, `pod hostProcess value must be identical if both are specified, was ${ofPod}`))
    }
    if (own ?? ofPod) hostProcesses++
  })
  yield* errors
  if (hostProcesses === 0) return
  if (hostProcesses !== all) yield fieldInvalid(path, '', 'If pod contains any hostProcess containers then all containers must be HostProcess containers')
  if (!spec.hostNetwork) yield fieldInvalid(`${path}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers')
}

const windowsRefusesOfPod = {
  securityContext: ['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'fsGroup', 'fsGroupChangePolicy', 'sysctls', 'runAsUser', 'runAsGroup', 'supplementalGroups', 'supplementalGroupsPolicy', 'seLinuxChangePolicy'],
  spec: ['hostUsers', 'hostPID', 'hostIPC', 'shareProcessNamespace'],
} as const
const windowsRefusesOfContainer = [
  'appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'capabilities', 'readOnlyRootFilesystem', 'privileged',
  'allowPrivilegeEscalation', 'procMount', 'runAsUser', 'runAsGroup',
] as const

/** Settings that the pod's stated operating system does not have. */
export function* osErrors(path: string, spec: PodSpec): Generator<FieldError> {
  const errors: FieldError[] = []
  if (spec.os?.name === 'linux') {
    const why = 'windows options cannot be set for a linux pod'
    if (spec.securityContext?.windowsOptions !== undefined) yield fieldForbidden(`${path}.securityContext.windowsOptions`, why)
    forEachContainer(path, spec, ({ securityContext }, at) => {
      if (securityContext?.windowsOptions !== undefined) errors.push(fieldForbidden(`${at}.securityContext.windowsOptions`, why))
    })
  } else if (spec.os?.name === 'windows') {
    const why = 'cannot be set for a windows pod'
    for (const name of windowsRefusesOfPod.securityContext) {
      if (spec.securityContext?.[name] !== undefined) yield fieldForbidden(`${path}.securityContext.${name}`, why)
    }
    for (const name of windowsRefusesOfPod.spec) {
      const value = spec[name]
      if (value !== undefined && (value || name === 'hostUsers' || name === 'shareProcessNamespace')) yield fieldForbidden(`${path}.${name}`, why)
    }
    forEachContainer(path, spec, ({ securityContext }, at) => {
      for (const name of windowsRefusesOfContainer) {
        if (securityContext?.[name] !== undefined) errors.push(fieldForbidden(`${at}.securityContext.${name}`, why))
      }
    })
  }
  yield* errors
}
