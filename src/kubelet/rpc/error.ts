/** The gRPC codes that the kubelet tells apart. */
export const rpcCode = {
  canceled: 1, unknown: 2, invalidArgument: 3, deadlineExceeded: 4, notFound: 5, resourceExhausted: 8, failedPrecondition: 9, aborted: 10,
  outOfRange: 11, unimplemented: 12, unavailable: 14,
} as const

/** A refusal or failure of whom we called; `code` is gRPC's. */
export class RpcError extends Error {
  readonly code: number
  /** What the other side says, without the frame of gRPC. */
  readonly details: string
  constructor(code: number, message: string, details = message) {
    super(message)
    this.name = 'RpcError'
    this.code = code
    this.details = details
  }
}
