import type { Flag } from '../command.ts'
import { clusterNameFlag } from './cluster-name.ts'

export const makeFlags: readonly Flag[] = [
  { name: 'output', short: 'o', type: 'string', required: true, help: 'the archive to write, "-" for standard output' },
  { name: 'from-file', type: 'list', help: 'a file to put in, as SOURCE or SOURCE:/path/in/image; /bin/busybox brings its commands along' },
  { name: 'from-dir', type: 'list', help: 'a folder whose contents to put in, as SOURCE or SOURCE:/path/in/image' },
  { name: 'entrypoint', type: 'list', help: 'the program and its first arguments, comma separated' },
  { name: 'cmd', type: 'list', help: 'arguments that a pod may replace, comma separated' },
  { name: 'env', type: 'map', help: 'environment, as NAME=VALUE' },
  { name: 'user', type: 'string', help: 'the user to run as, as UID, UID:GID or a name from the image' },
  { name: 'workdir', type: 'string', help: 'the folder to start in' },
]

export const loadFlags: readonly Flag[] = [clusterNameFlag]

export const serveFlags: readonly Flag[] = [
  { name: 'address', type: 'string', default: '127.0.0.1:5000', help: 'address and port to listen on' },
]
