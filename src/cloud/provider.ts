/** What a cloud is to the cloud controller manager (upstream: k8s.io/cloud-provider cloud.go, InstancesV2, LoadBalancer, Routes). */
import type { LoadBalancerStatus, Node, NodeAddress, Service } from '../api/generated/types/core-v1.ts'

/** A cloud; what it cannot do is absent, and the controllers that need it do not start. */
export interface CloudProvider {
  /** "local"; messages name it. */
  readonly name: string
  readonly instances?: Instances
  readonly loadBalancers?: LoadBalancers
  readonly routes?: Routes
  /** Lets go of connections; what it made in the cloud stays. */
  close?(): Promise<void>
}

/** The machines behind nodes, found by spec.providerID, else by name. */
export interface Instances {
  /** False: the node is deleted. True for machines that are shut down. */
  exists(node: Node, signal: AbortSignal): Promise<boolean>
  isShutdown(node: Node, signal: AbortSignal): Promise<boolean>
  /** undefined: the node is none of the cloud's, and is left as it is. */
  metadata(node: Node, signal: AbortSignal): Promise<InstanceMetadata | undefined>
}

export interface InstanceMetadata {
  /** "<provider>://<instance>"; may be empty where the kubelet sets it. */
  readonly providerID?: string
  readonly instanceType?: string
  readonly nodeAddresses?: readonly NodeAddress[]
  readonly zone?: string
  readonly region?: string
  /** More labels; those of kubernetes.io and k8s.io are not taken. */
  readonly additionalLabels?: Readonly<Record<string, string>>
}

/** Load balancers of Services. Each call may be repeated. */
export interface LoadBalancers {
  /** Its status; undefined: there is none. */
  get(cluster: string, service: Service, signal: AbortSignal): Promise<LoadBalancerStatus | undefined>
  /** Makes it, or brings it up to date. Throws ImplementedElsewhere, or RetryError when it is to be asked again at a fixed time. */
  ensure(cluster: string, service: Service, nodes: readonly Node[], signal: AbortSignal): Promise<LoadBalancerStatus>
  /** Points it to these nodes. */
  update(cluster: string, service: Service, nodes: readonly Node[], signal: AbortSignal): Promise<void>
  /** Resolves when nothing of it is left, also when there was nothing. */
  ensureDeleted(cluster: string, service: Service, signal: AbortSignal): Promise<void>
}

/** The way to a node's pods. */
export interface Route {
  /** The cloud's own name of it; none for one that is to be made. */
  readonly name?: string
  readonly targetNode: string
  readonly targetNodeAddresses?: readonly NodeAddress[]
  /** Whether the cloud tells `targetNodeAddresses` of its routes, so that a change of them is seen. */
  readonly hasNodeAddresses?: boolean
  readonly destinationCIDR: string
  /** Leads nowhere: it is deleted when it lies in the cluster's range. */
  readonly blackhole?: boolean
}

export interface Routes {
  list(cluster: string, signal: AbortSignal): Promise<readonly Route[]>
  /** `hint` may become part of its name: the node's uid. */
  create(cluster: string, hint: string, route: Route, signal: AbortSignal): Promise<void>
  delete(cluster: string, route: Route, signal: AbortSignal): Promise<void>
}

/** The cloud leaves this Service's load balancer to somebody else. */
export class ImplementedElsewhere extends Error {
  override name = 'ImplementedElsewhere'
  constructor() {
    super('implemented by alternate to cloud provider')
  }
}

/** Not yet: ask again after that time, without growing delays (upstream: cloud-provider/api RetryError). */
export class RetryError extends Error {
  override name = 'RetryError'
  readonly afterMs: number
  constructor(message: string, afterMs: number) {
    super(message)
    this.afterMs = afterMs
  }
}
