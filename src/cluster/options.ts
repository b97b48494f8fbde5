/** What a cluster in this process can be told, and what its parts are told for that. */
import type { Env } from '../base/env.ts'
import { featureGates } from '../api/generated/feature-gates.ts'
import type { UserInfo } from '../api/meta/request.ts'
import type { AdmissionSelection } from '../apiserver/admission/index.ts'
import type { ApiServerOptions, AuthorizationMode } from '../apiserver/options.ts'
import type { KVStore } from '../apiserver/storage/store.ts'
import { type LocalCloudConfiguration, parseLocalConfiguration } from '../cloud/local/configuration.ts'
import type { ControllerManagerOptions } from '../controllers/options.ts'
import type { HollowNodeSpec } from '../sim/nodes/node-object.ts'
import type { KwokStage } from '../sim/nodes/stages/kwok.ts'
import { type Authorities, serverCertificate } from './pki/memory.ts'

export interface ClusterOptions {
  /** Simulated nodes: how many (node-0, node-1, …), or what they are. Default 1. */
  readonly nodes?: number | readonly HollowNodeSpec[]
  /**
   * How simulated nodes and the pods on them go on: kwok Stage objects, as YAML or as values. Default: pods run at once,
   * those of jobs complete after a second.
   */
  readonly stages?: string | readonly KwokStage[]
  /**
   * 'virtual': time stands still until it is moved (`cluster.time`), and chance comes from `seed`. From 2026-01-01 on,
   * unless `start` says otherwise. Default: the system's time.
   */
  readonly time?: 'real' | 'virtual' | { readonly start?: Date | string | number }
  /** Of a virtual cluster's chance: names, uids, jitter, keys. The same seed and the same acts make the same history. */
  readonly seed?: number | string
  /** Of the chance in `cluster.faults`; default: drawn from the seed, or by chance (`cluster.faults.seed` tells it). */
  readonly faultSeed?: number
  /** A folder where state is kept on disk; default: memory. */
  readonly dataDir?: string
  readonly store?: KVStore
  /** An etcd to keep state in. */
  readonly etcd?: ApiServerOptions['etcd']
  /** Serves HTTPS on 127.0.0.1, at `port` or any free one. Default: no socket, the client works in-process. */
  readonly listen?: boolean | { readonly port?: number; readonly address?: string }
  /** Names of controllers as --controllers takes them; false: none. */
  readonly controllers?: readonly string[] | false
  readonly scheduler?: boolean
  /** Feature gates that differ from v1.36's defaults. */
  readonly features?: Readonly<Record<string, boolean>>
  /** API groups and versions to switch on or off, as --runtime-config takes them: { 'api/alpha': true }. */
  readonly runtimeConfig?: Readonly<Record<string, boolean>>
  /** Admission plugins besides the usual ones, and usual ones to leave out. */
  readonly admission?: AdmissionSelection
  /** Default: Node and RBAC. */
  readonly authorization?: readonly AuthorizationMode[]
  /** Bearer tokens and whose they are, for clients over the socket. */
  readonly tokens?: Readonly<Record<string, UserInfo>>
  readonly serviceCIDR?: string
  readonly podCIDR?: string
  /**
   * Addresses for Services of type LoadBalancer: "192.0.2.0/24" or "192.0.2.10-192.0.2.20", one or more. Default: none,
   * and such Services wait for a cloud.
   */
  readonly loadBalancers?: string | readonly string[]
  /** 'all': every past state can be read for ever. Default: those of the last five to ten minutes. */
  readonly history?: 'recent' | 'all'
  /** Follows what led to what, for `cluster.why`. */
  readonly trace?: boolean
  /** More of the controllers' settings: grace periods, rates, signers. */
  readonly controllerOptions?: Omit<ControllerManagerOptions, 'informers' | 'clientFor'>
  /** Clock, chance and log; default: the system's, silent below warnings. */
  readonly env?: Env
}

export interface Listen {
  readonly address: string
  /** undefined: no socket. */
  readonly port: number | undefined
}

export function listenOf({ listen = false }: ClusterOptions): Listen {
  const { port, address = '127.0.0.1' } = typeof listen === 'object' ? listen : {}
  return { address, port: listen === false ? undefined : port ?? 0 }
}

const defaultServiceCIDR = '10.96.0.0/16'

export function apiServerOptions(options: ClusterOptions, authorities: Authorities): ApiServerOptions {
  const { store, dataDir, etcd, features, runtimeConfig, admission, tokens, history, serviceCIDR = defaultServiceCIDR } = options
  const { address, port } = listenOf(options)
  for (const name of Object.keys(features ?? {})) if (featureGates[name] === undefined) throw new Error(`unknown feature gate: ${name}`)
  return {
    store, dataDir, etcd, runtimeConfig, history, admissionPlugins: admission,
    ...(port === undefined ? {} : { tls: serverCertificate(authorities, [address], serviceCIDR), bindAddress: address, securePort: port }),
    ...(features === undefined ? {} : { feature: (name: string) => features[name] ?? featureGates[name]?.default ?? false }),
    ...(tokens === undefined ? {} : { tokenUsers: new Map(Object.entries(tokens)) }),
    advertiseAddress: address, caCertificate: authorities.ca.cert, clientCA: authorities.ca.cert, serviceClusterIPRanges: [serviceCIDR],
    serviceAccount: { issuers: ['https://kubernetes.default.svc.cluster.local'], signingKey: authorities.serviceAccount.privateKey, keys: [authorities.serviceAccount.publicKey] },
    authorizationModes: options.authorization ?? ['Node', 'RBAC'], bootstrapTokens: true,
    // Components of this process are not held back, so without a socket there is nobody to be fair to.
    priorityAndFairness: port !== undefined,
  }
}

/** The cloud that gives Services their addresses; undefined: there is none. Throws for what is no range. */
export function cloudConfiguration({ loadBalancers = [] }: ClusterOptions): LocalCloudConfiguration | undefined {
  const ranges = typeof loadBalancers === 'string' ? [loadBalancers] : loadBalancers
  return ranges.length === 0 ? undefined : parseLocalConfiguration({ loadBalancerRanges: ranges, announce: false })
}

export function controllerOptions(options: ClusterOptions, { ca }: Authorities): ControllerManagerOptions | false {
  const { controllers, features, serviceCIDR = defaultServiceCIDR, podCIDR = '10.244.0.0/16' } = options
  if (controllers === false) return false
  return {
    ...(controllers === undefined ? {} : { controllers }), featureGates: features, rootCA: ca.cert, clusterSigningCert: ca.cert, clusterSigningKey: ca.key,
    clusterCIDRs: [podCIDR], serviceCIDRs: [serviceCIDR], ...options.controllerOptions,
  }
}
