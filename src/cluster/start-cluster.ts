/** A whole cluster in this process, for tests and tools: control plane and simulated nodes. */
import type { Env } from '../base/env.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import type { KVStore } from '../apiserver/storage/store.ts'
import type { Client } from '../client/client.ts'
import { createHollowNodes, hollowNodeSpecs } from '../sim/nodes/hollow-nodes.ts'
import type { HollowNodeSpec } from '../sim/nodes/node-object.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { kubeconfigText } from './pki/kubeconfig.ts'
import { type Authorities, clientCertificate, createAuthorities, serverCertificate } from './pki/memory.ts'

export interface ClusterOptions {
  /** Simulated nodes: how many (node-0, node-1, …), or what they are. Default 1. */
  readonly nodes?: number | readonly HollowNodeSpec[]
  /** A folder where state is kept on disk; default: memory. */
  readonly dataDir?: string
  readonly store?: KVStore
  /** Serves HTTPS on 127.0.0.1, at `port` or any free one. Default: no socket, the client works in-process. */
  readonly listen?: boolean | { readonly port?: number; readonly address?: string }
  /** Names of controllers as --controllers takes them; false: none. */
  readonly controllers?: readonly string[] | false
  readonly scheduler?: boolean
  readonly serviceCIDR?: string
  readonly podCIDR?: string
  /** Clock, chance and log; default: the system's, silent below warnings. */
  readonly env?: Env
}

export interface Cluster {
  /** As system:masters. */
  readonly client: Client
  /** A client that acts as somebody else. */
  clientAs(user: string, groups?: readonly string[]): Client
  /** "https://127.0.0.1:port"; '' without a socket. */
  readonly url: string
  /** Text of a kubeconfig with an administrator's certificate. Throws without a socket. */
  kubeconfig(): string
  readonly env: Env
  readonly controlPlane: ControlPlane
  stop(): Promise<void>
}

/** Starts a cluster and resolves when its nodes are registered and its controllers work. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const env = options.env ?? createSystemEnv({ log: createLogger({ level: 'warn', name: 'cluster' }) })
  const now = new Date(env.clock.now())
  const authorities = createAuthorities(now)
  const serviceCIDR = options.serviceCIDR ?? '10.96.0.0/16'
  const listen = options.listen === undefined || options.listen === false ? undefined : options.listen === true ? {} : options.listen
  const address = listen?.address ?? '127.0.0.1'
  const plane = await startControlPlane(env, {
    apiserver: {
      ...(options.store === undefined ? {} : { store: options.store }), ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
      ...(listen === undefined ? {} : { tls: serverCertificate(authorities, [address], serviceCIDR, now), bindAddress: address, securePort: listen.port ?? 0 }),
      advertiseAddress: address, caCertificate: authorities.ca.cert, clientCA: authorities.ca.cert, serviceClusterIPRanges: [serviceCIDR],
      serviceAccount: { issuers: ['https://kubernetes.default.svc.cluster.local'], signingKey: authorities.serviceAccount.privateKey, keys: [authorities.serviceAccount.publicKey] },
      authorizationModes: ['Node', 'RBAC'],
    },
    scheduler: options.scheduler,
    controllers: options.controllers === false ? false : {
      ...(options.controllers === undefined ? {} : { controllers: options.controllers }), rootCA: authorities.ca.cert,
      clusterCIDRs: [options.podCIDR ?? '10.244.0.0/16'], serviceCIDRs: [serviceCIDR],
    },
  })
  const specs = typeof options.nodes === 'object' ? options.nodes : hollowNodeSpecs(options.nodes ?? 1)
  const masters = ['system:masters']
  if (specs.length > 0) await plane.add(createHollowNodes(env, plane.client('system:kubelet', masters), { nodes: specs, informers: plane.informers }))
  return {
    client: plane.client('kubernetes-admin', masters), clientAs: (user, groups) => plane.client(user, groups),
    get url() {
      return plane.server.url
    },
    kubeconfig() {
      if (plane.server.url === '') throw new Error('this cluster has no socket: start it with { listen: true }')
      return adminKubeconfig(authorities, plane.server.url, new Date(env.clock.now()))
    },
    env, controlPlane: plane, stop: () => plane.stop(),
  }
}

function adminKubeconfig(authorities: Authorities, server: string, now: Date): string {
  const credentials = clientCertificate(authorities, { commonName: 'kubernetes-admin', organizations: ['system:masters'] }, now)
  return kubeconfigText({ clusterName: 'coxswain', server, caCert: authorities.ca.cert, user: 'kubernetes-admin', credentials })
}
