/** The post-start hooks, in upstream's names. */
import { type ApiServerOptions, authorizationModes, serviceRanges } from '../../options.ts'
import { formatIP, parseCIDR } from '../../../api/meta/ip.ts'
import { authenticationInfoHook } from './authentication-info.ts'
import { flowControlHook } from './flow-control.ts'
import { featureGates } from '../../../api/generated/feature-gates.ts'
import type { PostStartHook } from './hooks.ts'
import { identityLeaseHook, legacyTokenTrackingHook } from './identity.ts'
import { kubernetesServiceHook } from './kubernetes-service.ts'
import type { MasterLeases } from './master-leases.ts'
import { systemNamespacesHook } from './namespaces.ts'
import { priorityClassesHook } from './priority-classes.ts'
import { rbacHook } from './rbac.ts'

/** `address` is "host:port" once the server listens; `startAllocators` makes ServiceCIDR kubernetes and reads what is in use. */
export function postStartHooks(options: ApiServerOptions, address: () => string, startAllocators: () => Promise<void>, masters: MasterLeases): PostStartHook[] {
  const ranges = serviceRanges(options)
  const modes = authorizationModes(options)
  const { requestHeader } = options
  return [
    systemNamespacesHook,
    authenticationInfoHook({
      ...(options.clientCA === undefined ? {} : { clientCA: options.clientCA }),
      ...(requestHeader === undefined ? {} : { requestHeaderCA: requestHeader.clientCA }),
      requestHeaderAllowedNames: requestHeader?.allowedNames ?? [], usernameHeaders: requestHeader?.usernameHeaders ?? [],
      uidHeaders: requestHeader?.uidHeaders ?? [], groupHeaders: requestHeader?.groupHeaders ?? [],
      extraHeaderPrefixes: requestHeader?.extraHeaderPrefixes ?? [],
    }),
    ...(modes.includes('RBAC') ? [rbacHook((name) => options.feature?.(name) ?? featureGates[name]?.default ?? false)] : []),
    priorityClassesHook,
    ...(options.advertiseAddress === undefined ? [] : [kubernetesServiceHook(startAllocators, masters, () => ({ clusterIP: firstAddress(ranges[0]!), servicePort: 443, ...splitAddress(address()) }))]),
    { name: 'start-service-ip-repair-controllers', run: startAllocators },
    flowControlHook, legacyTokenTrackingHook,
    ...(options.hostName === undefined ? [] : [identityLeaseHook(options.hostName, address)]),
  ]
}

/** "host:port" as its parts. */
export function splitAddress(text: string): { address: string; port: number } {
  const colon = text.lastIndexOf(':')
  return { address: text.slice(0, colon), port: Number(text.slice(colon + 1)) }
}

/** The first address of a range that can be given to a service. Throws on what is no range. */
function firstAddress(range: string): string {
  const cidr = parseCIDR(range)
  if (cidr === undefined) throw new Error(`${range} is no range of addresses`)
  return formatIP(cidr.family, cidr.base + 1n)
}
