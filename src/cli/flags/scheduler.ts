import type { Flag } from '../command.ts'

const byConfiguration = 'the client needs no such limit'

export const schedulerFlags: readonly Flag[] = [
  { name: 'config', type: 'string', default: '', help: 'A KubeSchedulerConfiguration: profiles, plugins and their arguments, extenders' },
  { name: 'write-config-to', type: 'string', default: '', help: 'Writes the configuration with all defaults to this file and ends' },
  { name: 'version', type: 'bool', help: 'Prints the version and ends' },
  { name: 'master', type: 'string', default: '', help: 'Address of the API server; goes before the kubeconfig\'s' },
  { name: 'feature-gates', type: 'map', shown: 'gates', help: 'Features to switch on or off, as GangScheduling=true' },
  { name: 'pod-max-in-unschedulable-pods-duration', type: 'duration', default: 300_000, help: 'How long a refused pod waits when nothing happens' },
  { name: 'kube-api-qps', type: 'float', default: 50, effect: 'accepted', reason: byConfiguration, help: 'Requests a second to the API server' },
  { name: 'kube-api-burst', type: 'int', default: 100, effect: 'accepted', reason: byConfiguration, help: 'Requests at once to the API server' },
  { name: 'kube-api-content-type', type: 'string', default: 'application/json', effect: 'accepted', reason: 'JSON is spoken', help: 'Encoding of requests' },
]
