import type { Flag } from '../command.ts'

/** Which store is meant: ours on disk, or an etcd. */
export const storeFlags: readonly Flag[] = [
  { name: 'data-dir', type: 'string', help: 'folder of our own store' },
  { name: 'etcd-servers', type: 'list', help: 'an etcd (scheme://host:port)' },
  { name: 'etcd-cafile', type: 'string', help: 'CA of the etcd servers' },
  { name: 'etcd-certfile', type: 'string', help: 'client certificate for etcd' },
  { name: 'etcd-keyfile', type: 'string', help: 'key of the client certificate for etcd' },
]
