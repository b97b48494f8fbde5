/** cloud_provider.proto's facts in the form that protobuf.js reads; a test holds the two together. */
import grpc from '@grpc/grpc-js'
import { fromJSON, type PackageDefinition } from '@grpc/proto-loader'

const fields = (...names: string[]) => ({
  fields: Object.fromEntries(names.map((text, at) => {
    const [name, type = 'string'] = text.split(' ') as [string, string?]
    if (type.startsWith('map')) return [name, { keyType: 'string', type: 'string', id: at + 1 }]
    return [name, type.endsWith('[]') ? { rule: 'repeated', type: type.slice(0, -2), id: at + 1 } : { type, id: at + 1 }]
  })),
})
const method = (request: string, response: string) => ({ requestType: request, responseType: response })
const lb = method('LoadBalancerRequest', 'LoadBalancerResponse')

const protocol: unknown = {
  nested: { coxswain: { nested: { cloudprovider: { nested: { v1alpha1: { nested: {
    CloudProvider: { methods: {
      GetInfo: method('GetInfoRequest', 'GetInfoResponse'),
      InstanceExists: method('InstanceRequest', 'InstanceExistsResponse'), InstanceShutdown: method('InstanceRequest', 'InstanceShutdownResponse'),
      InstanceMetadata: method('InstanceRequest', 'InstanceMetadataResponse'),
      GetLoadBalancer: lb, EnsureLoadBalancer: lb, UpdateLoadBalancer: lb, EnsureLoadBalancerDeleted: lb,
      ListRoutes: method('ListRoutesRequest', 'ListRoutesResponse'), CreateRoute: method('RouteRequest', 'RouteResponse'), DeleteRoute: method('RouteRequest', 'RouteResponse'),
    } },
    GetInfoRequest: fields(), GetInfoResponse: fields('name', 'instances bool', 'loadBalancers bool', 'routes bool'),
    NodeAddress: fields('type', 'address'),
    Node: fields('name', 'uid', 'providerId', 'labels map', 'annotations map', 'addresses NodeAddress[]', 'json bytes'),
    Service: fields('namespace', 'name', 'uid', 'annotations map', 'json bytes'),
    InstanceRequest: fields('node Node'), InstanceExistsResponse: fields('exists bool'), InstanceShutdownResponse: fields('shutdown bool'),
    InstanceMetadataResponse: fields('unknown bool', 'providerId', 'instanceType', 'nodeAddresses NodeAddress[]', 'zone', 'region', 'additionalLabels map'),
    LoadBalancerRequest: fields('clusterName', 'service Service', 'nodes Node[]'),
    PortStatus: fields('port int32', 'protocol', 'error'), LoadBalancerIngress: fields('ip', 'hostname', 'ipMode', 'ports PortStatus[]'),
    LoadBalancerResponse: fields('exists bool', 'ingress LoadBalancerIngress[]', 'implementedElsewhere bool', 'retryAfterMs int64', 'message'),
    Route: fields('name', 'targetNode', 'targetNodeAddresses NodeAddress[]', 'hasNodeAddresses bool', 'destinationCidr', 'blackhole bool'),
    ListRoutesRequest: fields('clusterName'), ListRoutesResponse: fields('routes Route[]'),
    RouteRequest: fields('clusterName', 'hint', 'route Route'), RouteResponse: fields(),
  } } } } } } },
}

/** Numbers for int64, empty values for what is absent. */
export const loading = { longs: Number, defaults: true, bytes: Buffer }

export function packageDefinition(): PackageDefinition {
  return fromJSON(protocol as Parameters<typeof fromJSON>[0], loading)
}

/** The service's client constructor, which also describes it to a server. */
export function providerClient(): grpc.ServiceClientConstructor {
  const loaded = grpc.loadPackageDefinition(packageDefinition())
  type Nested = Record<string, Record<string, Record<string, Record<string, grpc.ServiceClientConstructor>>>>
  return (loaded as unknown as Nested)['coxswain']!['cloudprovider']!['v1alpha1']!['CloudProvider']!
}
