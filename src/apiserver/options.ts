/** What an API server can be told. PEM texts, not paths: files are the command's business. */
import type { Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import type { Informers } from '../client/informer.ts'
import type { Admission } from './admission/contract.ts'
import type { AdmissionSelection } from './admission/index.ts'
import type { Authorizer, TokenAuthenticator } from './auth/contract.ts'
import type { AuditOptions } from './chain/audit.ts'
import type { FrontSettings } from './chain/browsers.ts'
import type { InFlightLimits } from './chain/in-flight.ts'
import type { EncryptionHolder } from './encryption/configuration.ts'
import type { SpecialHandler } from './handlers/index.ts'
import type { NamedCertificate } from './http/names.ts'
import type { ApiRequest, ApiResponse, Filter, UserInfo } from './handler.ts'
import type { RegistrySnapshot, ResourceRegistry } from './registry/resource-registry.ts'
import type { ResourceDefinition } from './resources/define.ts'
import type { EtcdOptions } from './storage/etcd/etcd.ts'
import type { KVStore, StoreSnapshot } from './storage/store.ts'
import type { TlsSettings } from './streams/target.ts'

/** Authorizers that the server makes itself. */
export type BuiltinMode = 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny'
/** One of them, or another such as a webhook. */
export type AuthorizationMode = BuiltinMode | Authorizer

export interface RequestHeaderSettings {
  /** PEM bundle. */
  readonly clientCA: string
  readonly allowedNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraHeaderPrefixes: readonly string[]
}

/** What admission is built from. */
export interface AdmissionContext {
  readonly env: Env
  readonly client: Client
  readonly informers: Informers
  readonly registry: ResourceRegistry
  readonly authorizer: Authorizer
}

/** What a server holds at a moment. */
export interface ServerSnapshot {
  readonly store: StoreSnapshot
  readonly registry: RegistrySnapshot
}

export interface ApiServerOptions {
  /** Filters besides the usual ones, outside authorization, on both roads: whoever watches or disturbs requests. */
  readonly filters?: readonly Filter[]
  /** Paths of its own besides those of the API; undefined: not its path. Authorization comes before. */
  readonly extension?: (request: ApiRequest) => Promise<ApiResponse> | undefined
  /** 'all': nothing that was ever stored is forgotten. Default: old revisions are, after five to ten minutes. */
  readonly history?: 'recent' | 'all'
  /** The state of another server to go on from, in the place of a store. */
  readonly inherit?: ServerSnapshot
  /** A store that is open already; else `etcd`, else `dataDir` (lmdb), else memory. */
  readonly store?: KVStore
  readonly dataDir?: string
  readonly etcd?: Omit<EtcdOptions, 'clock'>
  /** How many bytes the embedded store may take; beyond that it takes deletions alone. Default: 8 GiB. */
  readonly quotaBytes?: number
  /** How often old revisions are forgotten; 0: never, since somebody else compacts the store. Default: five minutes. */
  readonly compactionIntervalMs?: number
  /** How long the store may take to answer checks of health and of readiness. Default: two seconds each. */
  readonly storeChecksMs?: { readonly health: number; readonly ready: number }
  /** Without it there is no socket: the server is reached in-process only. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Certificates for clients that ask for other names than those of `tls`. */
  readonly namedCertificates?: readonly NamedCertificate[]
  /** What browsers and clients behind balancers are told; default: nothing. */
  readonly front?: FrontSettings
  /** How long events are kept; default: an hour. */
  readonly eventTtlSeconds?: number
  readonly bindAddress?: string
  /** 0: any free port. */
  readonly securePort?: number
  /** Where others reach the server: default/kubernetes points there. */
  readonly advertiseAddress?: string
  /** This machine's name, for the server's lease. */
  readonly hostName?: string
  /** PEM of the authority behind `tls`, for kubeconfigs and root CA config maps. */
  readonly caCertificate?: string
  /** PEM bundle of those who sign client certificates. */
  readonly clientCA?: string
  readonly requestHeader?: RequestHeaderSettings
  /** By which aggregated servers know this one. */
  readonly proxyClient?: { readonly cert: string; readonly key: string }
  /** Whether requests without a credential are let in as system:anonymous: all of them, or those for some paths. */
  readonly anonymousAuth?: boolean | readonly string[]
  readonly tokenUsers?: ReadonlyMap<string, UserInfo>
  readonly bootstrapTokens?: boolean
  readonly serviceAccount?: {
    /** The first signs; tokens of all are good. */
    readonly issuers: readonly string[]
    /** PEM private key. Without it no tokens are issued. */
    readonly signingKey?: string
    /** PEM public or private keys that tokens may be signed with. */
    readonly keys: readonly string[]
    readonly audiences?: readonly string[]
    readonly maxExpirationSeconds?: number
    readonly extendExpiration?: boolean
    readonly jwksUri?: string
  }
  /** Who is asked whether somebody may, in this order; a function when that may change: those of the server that it names at the start stay. */
  readonly authorizationModes?: readonly AuthorizationMode[] | (() => readonly AuthorizationMode[])
  /** Asked for tokens that are no service account's: issuers outside (OpenID Connect). */
  readonly issuers?: TokenAuthenticator
  /** Asked for tokens that none of the server's own authenticators knows. */
  readonly tokenAuthenticators?: readonly TokenAuthenticator[]
  /** CIDRs, the first decides default/kubernetes' address. */
  readonly serviceClusterIPRanges?: readonly string[]
  readonly limits?: InFlightLimits
  /** Whether requests are let through by priority and fairness, as many together as `limits` say; default: yes. */
  readonly priorityAndFairness?: boolean
  readonly requestTimeoutMs?: number
  /** Which resources lie encrypted in the store; whoever replaces what it holds says the store's revision then. */
  readonly encryption?: EncryptionHolder
  /** What is written down of requests, and where; default: nothing. */
  readonly audit?: AuditOptions
  readonly minRequestTimeoutMs?: number
  /** "api/all", "group/version", … to on or off. */
  readonly runtimeConfig?: Readonly<Record<string, boolean>>
  readonly feature?: (name: string) => boolean
  /** What /flagz shows: flags with their values; without it there is no such page. */
  readonly flags?: () => Readonly<Record<string, string>>
  /** Handed to the kinds' hooks: allocators and the like. */
  readonly services?: Readonly<Record<string, unknown>>
  /** In the place of the built-in chain. */
  readonly admission?: (context: AdmissionContext) => Admission
  /** Plugins besides the usual ones, and usual ones to leave out. */
  readonly admissionPlugins?: AdmissionSelection
  /** Streams and the like, by "pods/exec". */
  readonly subresourceHandlers?: ReadonlyMap<string, SpecialHandler>
  /** How kubelets are reached for exec, logs and the like; default: without a client certificate. */
  readonly kubelet?: { readonly tls: TlsSettings; readonly addressTypes?: readonly string[] }
  /** The kinds to serve; default: all built-in ones. */
  readonly resources?: readonly ResourceDefinition[]
}

/** The ranges that services get their addresses from; upstream's own default when none is given. */
export function serviceRanges(options: ApiServerOptions): readonly string[] {
  return options.serviceClusterIPRanges ?? ['10.0.0.0/24']
}

/** Who is asked now whether somebody may. */
export function authorizationModes({ authorizationModes: given = ['Node', 'RBAC'] }: ApiServerOptions): readonly AuthorizationMode[] {
  return typeof given === 'function' ? given() : given
}
