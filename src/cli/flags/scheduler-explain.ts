import type { Flag } from '../command.ts'

export const explainFlags: readonly Flag[] = [
  { name: 'filename', short: 'f', type: 'string', default: '', help: 'A file with a pod that need not exist yet' },
  { name: 'namespace', short: 'n', type: 'string', default: 'default', help: 'The pod\'s namespace' },
  { name: 'output', short: 'o', type: 'string', default: 'text', help: 'text or json' },
  { name: 'config', type: 'string', default: '', help: 'The KubeSchedulerConfiguration of the scheduler that is to be explained' },
  { name: 'feature-gates', type: 'map', help: 'Features of that scheduler' },
  { name: 'v', short: 'v', type: 'int', default: 0, help: 'How much is logged' },
]
