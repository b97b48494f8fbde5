/** Questions about a Service and the port of a pod that it means (pkg/api/v1/service, pkg/api/v1/pod FindPort). */
import type { Container, Pod, Service, ServicePort } from '../generated/types/core-v1.ts'

/** The container port that a service's port leads to, or undefined when the pod has none of that name. */
export function findPodPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target
  const protocol = port.protocol ?? 'TCP'
  const portOf = (container: Container): number | undefined =>
    container.ports?.find((p) => p.name === target && (p.protocol ?? 'TCP') === protocol)?.containerPort
  for (const container of pod.spec?.containers ?? []) {
    const found = portOf(container)
    if (found !== undefined) return found
  }
  for (const container of pod.spec?.initContainers ?? []) {
    const found = container.restartPolicy === 'Always' ? portOf(container) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

export function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === 'None'
}

/** Has (or will get) a cluster IP. */
export function needsClusterIP(service: Service): boolean {
  return service.spec?.type !== 'ExternalName' && !isHeadless(service)
}

export function isExternallyAccessible(service: Service): boolean {
  const type = service.spec?.type ?? 'ClusterIP'
  return type === 'LoadBalancer' || type === 'NodePort'
    || (type === 'ClusterIP' && (service.spec?.externalIPs?.length ?? 0) > 0)
}

export function hasExternalPolicyLocal(service: Service): boolean {
  return isExternallyAccessible(service) && service.spec?.externalTrafficPolicy === 'Local'
}

export function needsHealthCheck(service: Service): boolean {
  return service.spec?.type === 'LoadBalancer' && hasExternalPolicyLocal(service)
}
