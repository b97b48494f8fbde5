/** KubeSchedulerConfiguration, kubescheduler.config.k8s.io/v1 (upstream: k8s.io/kube-scheduler/config/v1), as far as it is read. */
import type { PluginArgs } from '../framework.ts'

export interface PluginRef {
  readonly name: string
  readonly weight?: number
}

export interface PluginSet {
  readonly enabled?: readonly PluginRef[]
  readonly disabled?: readonly PluginRef[]
}

export const extensionPoints = [
  'preEnqueue', 'queueSort', 'preFilter', 'filter', 'postFilter', 'preScore', 'score', 'reserve', 'permit', 'preBind', 'bind', 'postBind', 'placementGenerate',
  'placementScore',
] as const
export type ExtensionPoint = (typeof extensionPoints)[number]

export type Plugins = Readonly<Partial<Record<ExtensionPoint | 'multiPoint', PluginSet>>>

export interface PluginConfig {
  readonly name: string
  readonly args?: PluginArgs
}

export interface SchedulerProfile {
  readonly schedulerName?: string
  readonly percentageOfNodesToScore?: number
  readonly plugins?: Plugins
  readonly pluginConfig?: readonly PluginConfig[]
}

export interface ExtenderConfig {
  readonly urlPrefix: string
  readonly filterVerb?: string
  readonly preemptVerb?: string
  readonly prioritizeVerb?: string
  readonly weight?: number
  readonly bindVerb?: string
  readonly enableHTTPS?: boolean
  readonly tlsConfig?: {
    readonly insecure?: boolean
    readonly serverName?: string
    readonly certFile?: string
    readonly keyFile?: string
    readonly caFile?: string
    /** In base64, as the rest of the data. */
    readonly certData?: string
    readonly keyData?: string
    readonly caData?: string
  }
  /** A Go duration, "5s". */
  readonly httpTimeout?: string
  readonly nodeCacheCapable?: boolean
  readonly managedResources?: readonly { readonly name: string; readonly ignoredByScheduler?: boolean }[]
  readonly ignorable?: boolean
}

export interface SchedulerConfiguration {
  readonly apiVersion?: string
  readonly kind?: string
  readonly parallelism?: number
  readonly leaderElection?: Readonly<Record<string, unknown>>
  readonly clientConnection?: Readonly<Record<string, unknown>>
  readonly percentageOfNodesToScore?: number
  readonly podInitialBackoffSeconds?: number
  readonly podMaxBackoffSeconds?: number
  readonly profiles?: readonly SchedulerProfile[]
  readonly extenders?: readonly ExtenderConfig[]
  /** Ours: npm modules (or paths) whose default export is a list of plugin definitions. */
  readonly pluginModules?: readonly string[]
}

/** The configuration cannot be used; the message says where and why. */
export class SchedulerConfigError extends Error {}
