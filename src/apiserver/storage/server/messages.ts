/** The messages of etcd's v3 API that the server speaks, as proto-loader gives them: longs as numbers, enums by the names of etcd3's copy. */

export interface Header { readonly cluster_id: number; readonly member_id: number; readonly revision: number; readonly raft_term: number }

export interface WireKeyValue {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly create_revision: number
  readonly mod_revision: number
  readonly version: number
  readonly lease: number
}

export interface RangeRequest {
  readonly key: Uint8Array
  readonly range_end: Uint8Array
  readonly limit: number
  readonly revision: number
  readonly sort_order: 'None' | 'Ascend' | 'Descend'
  readonly sort_target: 'Key' | 'Version' | 'Create' | 'Mod' | 'Value'
  readonly keys_only: boolean
  readonly count_only: boolean
}

export interface RangeResponse { readonly header: Header; readonly kvs: readonly WireKeyValue[]; readonly more: boolean; readonly count: number }

export interface PutRequest {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly lease: number
  readonly prev_kv: boolean
  readonly ignore_value: boolean
  readonly ignore_lease: boolean
}

export interface DeleteRangeRequest { readonly key: Uint8Array; readonly range_end: Uint8Array; readonly prev_kv: boolean }

export interface Compare {
  readonly result: 'Equal' | 'Greater' | 'Less' | 'NotEqual'
  readonly target: 'Version' | 'Create' | 'Mod' | 'Value' | 'Lease'
  readonly key: Uint8Array
  readonly target_union: 'version' | 'create_revision' | 'mod_revision' | 'value'
  readonly version: number
  readonly create_revision: number
  readonly mod_revision: number
  readonly value: Uint8Array
}

export interface RequestOp {
  readonly request: 'request_range' | 'request_put' | 'request_delete_range' | 'request_txn'
  readonly request_range?: RangeRequest
  readonly request_put?: PutRequest
  readonly request_delete_range?: DeleteRangeRequest
}

export interface TxnRequest { readonly compare: readonly Compare[]; readonly success: readonly RequestOp[]; readonly failure: readonly RequestOp[] }

export interface WatchCreateRequest {
  readonly key: Uint8Array
  readonly range_end: Uint8Array
  readonly start_revision: number
  readonly progress_notify: boolean
  readonly filters: readonly ('Noput' | 'Nodelete')[]
  readonly prev_kv: boolean
  readonly watch_id: number
}

export interface WatchRequest {
  readonly request_union?: 'create_request' | 'cancel_request' | 'progress_request'
  readonly create_request?: WatchCreateRequest
  readonly cancel_request?: { readonly watch_id: number }
}

/** An error with etcd's own words: clients match on them. */
export class EtcdError extends Error {
  /** A gRPC status code. */
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export const grpcCode = { invalidArgument: 3, notFound: 5, resourceExhausted: 8, failedPrecondition: 9, outOfRange: 11, unimplemented: 12 } as const
