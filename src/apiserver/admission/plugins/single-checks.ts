/** Plugins of one rule each. */
import type { Pod, Service } from '../../../api/generated/types/core-v1.ts'
import { forbidden } from '../../../api/meta/errors.ts'
import type { AdmissionPlugin } from '../contract.ts'
import { isFor, isOperation, objectOf, oldObjectOf, refuse } from '../context.ts'

const hostname = 'kubernetes.io/hostname'

/** Required anti-affinity over more than a node keeps others off whole zones. */
export function limitPodHardAntiAffinityTopology(): AdmissionPlugin {
  return {
    name: 'LimitPodHardAntiAffinityTopology',
    handles: (a) => isFor(a, '', 'pods') && isOperation(a, 'CREATE', 'UPDATE'),
    validate(a) {
      const { metadata, spec } = objectOf<Pod>(a)
      const wrong = spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.find(({ topologyKey }) => topologyKey !== hostname)
      if (wrong !== undefined) {
        throw forbidden(a.resource, metadata.name ?? '', `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wrong.topologyKey} but only key ${hostname} is allowed`)
      }
      return Promise.resolve()
    },
  }
}

export function denyServiceExternalIPs(): AdmissionPlugin {
  return {
    name: 'DenyServiceExternalIPs',
    handles: (a) => isFor(a, '', 'services') && isOperation(a, 'CREATE', 'UPDATE'),
    validate(a) {
      const known = a.oldObject === undefined ? [] : (oldObjectOf<Service>(a).spec?.externalIPs ?? [])
      if ((objectOf<Service>(a).spec?.externalIPs ?? []).some((ip) => !known.includes(ip))) throw refuse(a, 'Use of external IPs is denied by admission control')
      return Promise.resolve()
    },
  }
}

/** There for files that name it. */
export function alwaysAdmit(): AdmissionPlugin {
  return { name: 'AlwaysAdmit', handles: () => false }
}

export function alwaysDeny(): AdmissionPlugin {
  const deny: NonNullable<AdmissionPlugin['validate']> = (a) => Promise.reject(refuse(a, 'admission control is denying all modifications'))
  return { name: 'AlwaysDeny', handles: () => true, admit: deny, validate: deny }
}
