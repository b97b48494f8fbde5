export type { Encodings } from '../api/meta/encodings.ts'
