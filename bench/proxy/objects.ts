/** Services and their endpoints as the benchmark's cluster has them. */

export const namespace = 'bench'
export const endpointsEach = 10
const port = 80
const targetPort = 8080

export const serviceName = (i: number): string => `service-${i}`

/** 10.96.0.0/12 has room for all; the first addresses are left to others. */
export function clusterIP(i: number): string {
  const n = i + 256
  return `10.${96 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`
}

/** The address of endpoint `e` of Service `i`: all of them differ. */
function endpointAddress(i: number, e: number): string {
  const n = i * endpointsEach + e
  return `10.${128 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`
}

/** Addresses that no endpoint has at first. */
export const freshAddress = (n: number): string => `10.250.${(n >> 8) & 255}.${n & 255}`

export function service(i: number): object {
  return {
    apiVersion: 'v1', kind: 'Service', metadata: { name: serviceName(i), namespace, labels: { app: serviceName(i) } },
    spec: { clusterIP: clusterIP(i), selector: { app: serviceName(i) }, ports: [{ name: 'http', port, targetPort, protocol: 'TCP' }] },
  }
}

/** Endpoints of a Service; the first has another address when one is given. */
export function endpoints(i: number, first = endpointAddress(i, 0)): object[] {
  return Array.from({ length: endpointsEach }, (_, e) => ({
    addresses: [e === 0 ? first : endpointAddress(i, e)], conditions: { ready: true, serving: true, terminating: false }, nodeName: `node-${(i * endpointsEach + e) % 100}`,
    targetRef: { kind: 'Pod', namespace, name: `${serviceName(i)}-${e}`, uid: `00000000-0000-4000-8000-${String(i * endpointsEach + e).padStart(12, '0')}` },
  }))
}

export function slice(i: number): object {
  return {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4',
    metadata: { name: `${serviceName(i)}-abcde`, namespace, labels: { 'kubernetes.io/service-name': serviceName(i), 'endpointslice.kubernetes.io/managed-by': 'bench' } },
    endpoints: endpoints(i), ports: [{ name: 'http', port: targetPort, protocol: 'TCP' }],
  }
}

/** An element of the kernel's map of Service addresses. */
export const mapKey = (i: number): string => `${clusterIP(i)} . tcp . ${port}`
