/** Where the scheme is made in a server that is built from upstream's Go module; it is part of messages. */
export const scheme = 'pkg/runtime/scheme.go:111'
