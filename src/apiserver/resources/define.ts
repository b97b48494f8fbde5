/**
 * A kind is a value: everything that the one engine needs to know of it. A built-in kind is written once in
 * resources/<group>/<resource>.ts and listed in resources/index.ts; a CRD is the same type made from a stored object.
 * Shared code never asks a kind its name; it asks its definition.
 */
import type { FieldError } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { Schema } from '../../api/schema/schema.ts'
import type { UserInfo } from '../handler.ts'
import type { ObjectConverter } from './converter.ts'

/** What a strategy may look at besides the object. Synchronous and pure but for the context's injected values. */
export interface StrategyContext {
  readonly user: UserInfo
  readonly now: Date
  /** True when the feature gate is on. */
  readonly feature: (name: string) => boolean
  /** The subresource that is being written, or ''. */
  readonly subresource: string
  /** The group that the write came through, where a kind is served in two (events). */
  readonly group?: string
  readonly warn: (text: string) => void
}

export interface Column<T> {
  readonly name: string
  /** integer | number | string | boolean | date. */
  readonly type: string
  readonly format?: string
  readonly description?: string
  /** 0: shown always; 1: with -o wide. */
  readonly priority?: number
  readonly value: (object: T, now: Date) => unknown
}

export interface VersionConversion {
  /** The schema that this served version has. */
  readonly schema: Schema
  toStored(object: KubeObject): KubeObject
  fromStored(object: KubeObject): KubeObject
  /** This version's own columns and field selectors, where they differ from the stored one's. */
  readonly columns?: readonly Column<KubeObject>[]
  readonly selectableFields?: Readonly<Record<string, (object: KubeObject) => string>>
}

export interface ScaleDefinition {
  /** Dotted path of the replica count in the object, "spec.replicas". */
  readonly specReplicas: string
  readonly statusReplicas: string
  /** The selector as text for /scale's status.selector. */
  selector(object: KubeObject): string
}

/** A hook that the engine calls around storage, for kinds that hold something else too (allocators, tokens). */
export interface LifecycleHooks<T> {
  /** Before the object is stored; a returned function undoes it when the write fails. */
  beforeCreate?(object: T, context: HookContext): Promise<Rollback | void>
  beforeUpdate?(object: T, old: T, context: HookContext): Promise<Rollback | void>
  /** After a change is stored (not on a dry run): lets go of what the old object held. */
  afterUpdate?(object: T, old: T, context: HookContext): Promise<void>
  /** After the object is gone. */
  afterDelete?(object: T, context: HookContext): Promise<void>
}
export type Rollback = () => void | Promise<void>
export interface HookContext extends StrategyContext {
  readonly dryRun: boolean
  /** Services of the server by name: 'clusterIPs', 'nodePorts', … (registry/services.ts lists them). */
  readonly services: Readonly<Record<string, unknown>>
}

/** A question to the authorizer about a resource; unset fields are ''. */
export interface Question {
  readonly verb: string
  readonly group?: string
  readonly version?: string
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}

export interface Permission {
  readonly allowed: boolean
  /** What kept the authorizer from an answer, which may be there beside a yes. */
  readonly error?: string
  /** The message of the 403 that such a request would get; undefined when it is allowed. */
  readonly refusal: string | undefined
}

/** Where a kind asks what is not in the object: who may do what, and what other objects say. */
export interface Inquiry {
  may(user: UserInfo, question: Question): Promise<Permission>
  /** The stored object; undefined when there is none. */
  read(group: string, resource: string, namespace: string, name: string): Promise<KubeObject | undefined>
  /** The name of the resource of a kind that is served; undefined when none is. */
  resourceOf(apiVersion: string, kind: string): string | undefined
}

export interface AskContext extends StrategyContext {
  /** Of the request that writes: create, update, patch. */
  readonly verb: string
  readonly inquiry: Inquiry
}

/** Checks of a write that take asking others. Without an inquiry (a store by itself) they are left out. */
export interface Asks<T> {
  /** Its errors are told in the absence of others alone; otherwise they stand before the kind's own. */
  readonly last?: boolean
  errors(object: T, old: T | undefined, context: AskContext): Promise<readonly FieldError[]>
}

export interface SubresourceDefinition<T> {
  /** Default: get, patch and update. */
  readonly verbs?: readonly string[]
  /** Which top-level fields a write to it may change (metadata is always merged as upstream does). Status: ['status']. */
  readonly writes?: readonly string[]
  /** Labels, annotations, finalizers and owners are not this subresource's to change (upstream: ResetObjectMetaForStatus). */
  readonly keepsMetadata?: boolean
  /** Paths of metadata that a write to it leaves as they are, and so does not come to own ("metadata.labels"). */
  readonly resetFields?: readonly string[]
  prepareForUpdate?(object: T, old: T, context: StrategyContext): void
  validateUpdate?(object: T, old: T, context: StrategyContext): Iterable<FieldError>
  readonly asks?: Asks<T>
  /** Warnings for deprecated or odd values. */
  warnings?(object: T, old: T): Iterable<string>
}

export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  readonly group: string
  /** The version that is stored and on which all functions here work. */
  readonly version: string
  /** Other served versions with their conversion. */
  readonly versions?: Readonly<Record<string, VersionConversion>>
  /** Converts in the place of `versions` where that takes somebody else's answer; objects lie in the store in any version. */
  readonly converter?: ObjectConverter
  /** Versions served; default: the stored one and `versions`. A stored version need not be served (CRDs). */
  readonly servedVersions?: readonly string[]
  readonly resource: string
  readonly singular: string
  readonly kind: string
  /** Default `${kind}List`. */
  readonly listKind?: string
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly scope: 'Namespaced' | 'Cluster'
  readonly verbs?: readonly string[]
  readonly schema: Schema
  /** etcd key prefix below /registry/, when it is not the resource name (for instance "services/specs"). */
  readonly storagePrefix?: string
  /** Kept as JSON where others are kept as protobuf: upstream's servers of extensions do so. */
  readonly storedAs?: 'json'
  /** Reads objects of versions that upstream stores and nobody serves. */
  readonly reads?: Readonly<Record<string, (object: KubeObject) => KubeObject>>
  /** Feature gate that must be on for the resource to be served. */
  readonly featureGate?: string
  /** Sets defaults in place, after the schema's own defaults. Runs on write and on read of old objects. */
  default?(object: T): void
  /** Defaults that are the moment's, which belong to whoever writes the object. In place. */
  defaultNow?(object: T, now: Date): void
  /** What upstream's reader adds when it reads back what was written: it is never validated, and nobody owns it. In place. */
  settle?(object: T): void
  /** Clears what clients may not set, sets what the server owns. In place. */
  prepareForCreate?(object: T, context: StrategyContext): void
  prepareForUpdate?(object: T, old: T, context: StrategyContext): void
  validate?(object: T, context: StrategyContext): Iterable<FieldError>
  validateUpdate?(object: T, old: T, context: StrategyContext): Iterable<FieldError>
  readonly asks?: Asks<T>
  /** How metadata.name is checked; default 'dns-subdomain'. */
  readonly nameFormat?: 'dns-subdomain' | 'dns-label' | 'dns1035-label' | 'path-segment' | ((name: string, generated: boolean, object: T) => string[])
  /** The name is its generateName as it stands (ipaddresses: upstream's noopNameGenerator). */
  readonly generatesNoName?: boolean
  /** The kind's own checks see to metadata or leave it to the general one behind them, which comes to nothing when they fail (core events). */
  readonly checksMetadata?: boolean
  /** Finalizers of any name are taken: upstream's validation of the kind does not look at them. */
  readonly anyFinalizers?: boolean
  /** Paths whose change counts as a new generation; default ['spec'] ; [] : generation is not kept. */
  readonly generationFields?: readonly string[]
  /** Top-level fields that a write to the main resource leaves as they are; default: ['status'] when it has that subresource. */
  readonly resetFields?: readonly string[]
  /** Top-level fields that a create drops; default: `resetFields`. Nodes: [] (the kubelet registers with its status). */
  readonly createResetFields?: readonly string[]
  readonly subresources?: Readonly<Record<string, SubresourceDefinition<T>>>
  readonly scale?: ScaleDefinition
  /** Of a custom kind: the subresources of each version, where those of the stored one are not every version's. */
  readonly versionSubresources?: Readonly<Record<string, readonly string[]>>
  /** Field selectors besides metadata.name and metadata.namespace: path -> value as text. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>
  /** What is said of a field that cannot be selected by, for kinds that have own words; `apiVersion` is the one asked. */
  unselectable?(field: string, apiVersion: string): string
  readonly columns?: readonly Column<T>[]
  /** Annotations that are fields of upstream's internal type: metadata alone is shown without them. */
  readonly fieldAnnotations?: readonly string[]
  /** Upstream keeps no watch cache of the kind, which shows in what it says of a bad resourceVersion (events). */
  readonly uncached?: boolean
  /** Whether a PUT may create the object (leases, events, …). */
  readonly createOnUpdate?: boolean
  /** Whether a PUT may leave out resourceVersion. */
  readonly unconditionalUpdate?: boolean
  /** Default grace in seconds for deletion; a kind with graceful deletion answers what is to be used, 0 for at once. */
  gracefulDeletion?(object: T, requested: number | undefined): number | undefined
  /**
   * Changes the object in place when its deletion begins (namespaces: status.phase = Terminating). A kind that has it
   * is first marked and only deleted by a later request or write, as upstream does for namespaces and CRDs.
   */
  prepareForDelete?(object: T, context: StrategyContext): void
  /** Finalizers outside metadata that hold the deletion (namespaces: spec.finalizers). */
  deletionFinalizers?(object: T): readonly string[]
  /** 'Background' unless the kind says otherwise; 'Unsupported' (events): deletion never sets garbage collection finalizers. */
  readonly defaultDeletionPropagation?: 'Background' | 'Orphan' | 'Unsupported'
  /**
   * Whether a completed deletion answers with the object instead of a Status (upstream's ReturnDeletedObject: pods,
   * services, namespaces, serviceaccounts, persistentvolumes, persistentvolumeclaims, podtemplates, resourcequotas,
   * storage.k8s.io's kinds but csistoragecapacities, resource.k8s.io's kinds).
   */
  readonly returnDeletedObject?: boolean
  readonly hooks?: LifecycleHooks<T>
  /** Seconds after which the store forgets the object (events); `services` as hooks are given them. */
  ttlSeconds?(object: T, services: Readonly<Record<string, unknown>>): number
  /** Warnings for deprecated uses. */
  warnings?(object: T, old: T | undefined): Iterable<string>
  /**
   * For a kind that is another kind's storage seen through its own group (events.k8s.io over core events): the engine
   * stores in the form of `of`, and converts at the edge. Everything but names, schema, columns and the two functions
   * comes from there.
   */
  readonly viewOf?: {
    readonly group: string
    readonly resource: string
    toStored(object: KubeObject): KubeObject
    fromStored(object: KubeObject): KubeObject
  }
  /** Reviews and the like: nothing is stored, create answers at once. The EDGE gives such handlers by name (handlers/virtual.ts). */
  readonly virtual?: boolean
  /** Made from a CustomResourceDefinition: no protobuf, no strategic merge patch. */
  readonly custom?: boolean
}
