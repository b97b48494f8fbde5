/**
 * Flags of the kubelet under upstream's names. Most stand for a field of KubeletConfiguration (configuration/fields.ts) and
 * win over it; here is the rest.
 */
import { type Field, configurationFields } from '../../kubelet/configuration/fields.ts'
import type { Flag, FlagType } from '../command.ts'

const node = 'Node'
const files = 'Files and credentials'
const upstreams = 'Taken without effect'

const own: readonly Flag[] = [
  { name: 'config', type: 'string', group: files, help: 'A KubeletConfiguration file; flags win over it' },
  { name: 'config-dir', type: 'string', group: files, help: 'Folder of drop-in files (*.conf) that are merged over it in order of their names' },
  { name: 'kubeconfig', type: 'string', default: '', group: files, help: 'File that says where the API server is and who we are; none: static pods only' },
  { name: 'bootstrap-kubeconfig', type: 'string', group: files, help: 'Kubeconfig to ask for a client certificate with when --kubeconfig does not exist' },
  { name: 'cert-dir', type: 'string', default: '/var/lib/kubelet/pki', group: files, help: 'Folder of certificates that are made or asked for' },
  { name: 'root-dir', type: 'string', default: '/var/lib/kubelet', group: files, help: 'Folder of pods and their volumes' },
  { name: 'hostname-override', type: 'string', group: node, help: 'Name of the node; default: the host name' },
  { name: 'node-ip', type: 'list', group: node, help: 'Addresses of the node, one of each family' },
  { name: 'node-labels', type: 'map', group: node, help: 'Labels the node is registered with' },
  { name: 'cloud-provider', type: 'string', group: node, help: 'external: a cloud controller knows the node; empty: there is none' },
  { name: 'v', short: 'v', type: 'int', default: 2, help: 'How much is logged; 4 and more: debug' },
]

const withoutEffect: readonly (readonly [FlagType, string])[] = [
  ['string', 'runtime-cgroups logging-format log-json-info-buffer-size log-text-info-buffer-size vmodule experimental-mounter-path application-metrics-count-limit boot-id-file container-hints containerd containerd-namespace event-storage-age-limit event-storage-event-limit machine-id-file storage-driver-db storage-driver-host storage-driver-password storage-driver-table storage-driver-user'],
  ['bool', 'log-json-split-stream log-text-split-stream experimental-allocatable-ignore-eviction enable-load-reader log-cadvisor-usage storage-driver-secure'],
  ['duration', 'log-flush-frequency minimum-container-ttl-duration global-housekeeping-interval housekeeping-interval storage-driver-buffer-duration'],
  ['int', 'maximum-dead-containers maximum-dead-containers-per-container'],
]

const refuse = (name: string, type: FlagType, reason: string, help: string): Flag => ({ name, type, effect: 'refused', reason, help })
const noPlugins = 'credential plugins are not run; give pods an imagePullSecret'
const noLocks = 'files cannot be locked from here; see to it that only one kubelet runs'
const refused: readonly Flag[] = [
  refuse('image-credential-provider-config', 'string', noPlugins, 'Plugins that know passwords of registries'),
  refuse('image-credential-provider-bin-dir', 'string', noPlugins, 'Folder of such plugins'),
  refuse('lock-file', 'string', noLocks, 'File that only one kubelet may hold'),
  refuse('exit-on-lock-contention', 'bool', noLocks, 'End when another kubelet wants the lock file'),
]

const types: Readonly<Record<Field['type'], FlagType>> = {
  text: 'string', flag: 'bool', number: 'int', duration: 'duration', texts: 'list', map: 'map', flags: 'map', object: 'list', list: 'list',
}

/** The fields that have a flag. */
export const fieldFlags: readonly (Field & { flag: string })[] = configurationFields.filter((field): field is Field & { flag: string } => field.flag !== undefined)

export const kubeletFlags: readonly Flag[] = [
  ...own,
  ...fieldFlags.map((field): Flag => ({
    name: field.flag, type: field.separator === '<' ? 'list' : types[field.type], group: field.accepted === true ? upstreams : 'Configuration',
    help: field.help ?? '', ...(field.accepted === true ? { effect: 'accepted' as const } : {}),
  })),
  ...withoutEffect.flatMap(([type, names]) => names.split(' ').map((name): Flag => ({ name, type, effect: 'accepted', group: upstreams, help: 'Of programs that this one has no part of' }))),
  ...refused,
]
