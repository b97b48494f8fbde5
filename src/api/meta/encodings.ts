/** The wire forms of one frozen object, each made at most once and shared by every reader (see ARCHITECTURE.md). */
export interface Encodings {
  json?: Buffer
  /** With the k8s\0 envelope. */
  protobuf?: Buffer
  /** Raw message without the envelope, for items of a protobuf list. */
  protobufRaw?: Buffer
  /** The watch frames that were written last for this object, by event type. */
  watchJson?: Partial<Record<string, Buffer>>
  watchProtobuf?: Partial<Record<string, Buffer>>
}
