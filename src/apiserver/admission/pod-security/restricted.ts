/** The checks that level restricted adds: today's practice of hardening. */
import type { Volume } from '../../../api/generated/types/core-v1.ts'
import { procMountCheck, seccompSet } from './baseline.ts'
import { allContainers, named, notInUserNamespace, notOnWindows, plural, quoteAll, setters, sorted, type Check, type CheckPod } from './check.ts'

const privilegeEscalation: CheckPod = (spec) => {
  const bad = allContainers(spec).filter((c) => c.securityContext?.allowPrivilegeEscalation !== false).map((c) => c.name)
  if (bad.length === 0) return undefined
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${named('container', bad)} must set securityContext.allowPrivilegeEscalation=false`,
  }
}

const capabilities: CheckPod = (spec) => {
  const containers = allContainers(spec)
  const keeping = containers.filter((c) => !c.securityContext?.capabilities?.drop?.includes('ALL')).map((c) => c.name)
  const extra = (c: (typeof containers)[number]): string[] =>
    (c.securityContext?.capabilities?.add ?? []).filter((name) => name !== 'NET_BIND_SERVICE')
  const adding = containers.filter((c) => extra(c).length > 0)
  const details = [
    ...keeping.length > 0 ? [`${named('container', keeping)} must set securityContext.capabilities.drop=["ALL"]`] : [],
    ...adding.length > 0
      ? [`${named('container', adding.map((c) => c.name))} must not include ${quoteAll(sorted(adding.flatMap(extra)))} in securityContext.capabilities.add`] : [],
  ]
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

const allowedSources = [
  'configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'image', 'persistentVolumeClaim', 'projected', 'secret',
] as const satisfies readonly (keyof Volume)[]
const refusedSources = [
  'hostPath', 'gcePersistentDisk', 'awsElasticBlockStore', 'gitRepo', 'nfs', 'iscsi', 'glusterfs', 'rbd', 'flexVolume',
  'cinder', 'cephfs', 'flocker', 'fc', 'azureFile', 'vsphereVolume', 'quobyte', 'azureDisk', 'photonPersistentDisk',
  'portworxVolume', 'scaleIO', 'storageos',
] as const satisfies readonly (keyof Volume)[]

const volumes: CheckPod = (spec) => {
  const bad = (spec.volumes ?? []).filter((v) => !allowedSources.some((source) => v[source] !== undefined))
  if (bad.length === 0) return undefined
  const types = sorted(bad.map((v) => refusedSources.find((source) => v[source] !== undefined) ?? 'unknown'))
  return {
    reason: 'restricted volume types',
    detail: `${named('volume', bad.map((v) => v.name))} ${plural('uses', 'use', bad.length)} ${plural('restricted volume type', 'restricted volume types', types.length)} ${quoteAll(types)}`,
  }
}

const nonRoot: CheckPod = (spec) => {
  const own = spec.securityContext?.runAsNonRoot
  const containers = allContainers(spec)
  const explicit = containers.filter((c) => c.securityContext?.runAsNonRoot === false).map((c) => c.name)
  const reason = 'runAsNonRoot != true'
  if (own === false || explicit.length > 0) {
    return { reason, detail: `${setters(own === false, explicit)} must not set securityContext.runAsNonRoot=false` }
  }
  const implicit = own === true ? [] : containers.filter((c) => c.securityContext?.runAsNonRoot === undefined).map((c) => c.name)
  return implicit.length === 0 ? undefined : { reason, detail: `pod or ${named('container', implicit)} must set securityContext.runAsNonRoot=true` }
}

const rootUser: CheckPod = (spec) => {
  const pod = spec.securityContext?.runAsUser === 0
  const bad = allContainers(spec).filter((c) => c.securityContext?.runAsUser === 0).map((c) => c.name)
  return !pod && bad.length === 0 ? undefined : { reason: 'runAsUser=0', detail: `${setters(pod, bad)} must not set runAsUser=0` }
}

const seccomp: CheckPod = (spec, metadata) => {
  const set = seccompSet(spec, metadata)
  if (set !== undefined || spec.securityContext?.seccompProfile !== undefined) return set
  const missing = allContainers(spec).filter((c) => c.securityContext?.seccompProfile === undefined).map((c) => c.name)
  if (missing.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `pod or ${named('container', missing)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  }
}

export const restrictedChecks: readonly Check[] = [
  {
    id: 'allowPrivilegeEscalation', level: 'restricted',
    versions: [{ since: 8, check: privilegeEscalation }, { since: 25, check: notOnWindows(privilegeEscalation) }],
  },
  {
    id: 'capabilities_restricted', level: 'restricted',
    versions: [
      { since: 22, check: capabilities, overrides: ['capabilities_baseline'] },
      { since: 25, check: notOnWindows(capabilities), overrides: ['capabilities_baseline'] },
    ],
  },
  { id: 'procMount_restricted', level: 'restricted', versions: [{ since: 35, check: procMountCheck, overrides: ['procMount'] }] },
  { id: 'restrictedVolumes', level: 'restricted', versions: [{ since: 0, check: volumes, overrides: ['hostPathVolumes'] }] },
  { id: 'runAsNonRoot', level: 'restricted', versions: [{ since: 0, check: nonRoot }, { since: 35, check: notInUserNamespace(nonRoot) }] },
  { id: 'runAsUser', level: 'restricted', versions: [{ since: 23, check: rootUser }, { since: 35, check: notInUserNamespace(rootUser) }] },
  {
    id: 'seccompProfile_restricted', level: 'restricted',
    versions: [
      { since: 19, check: seccomp, overrides: ['seccompProfile_baseline'] },
      { since: 25, check: notOnWindows(seccomp), overrides: ['seccompProfile_baseline'] },
    ],
  },
]
