/** kube-apiserver's flags of auditing: where events go, and how. */
import type { Flag } from '../command.ts'

const group = 'Auditing'
const version: Omit<Flag, 'name' | 'help'> = { type: 'string', default: 'audit.k8s.io/v1', group }

/** What both backends have. */
function backendFlags(plugin: 'log' | 'webhook', what: string): Flag[] {
  const webhook = plugin === 'webhook'
  const flag = (name: string, type: Flag['type'], help: string, value?: Flag['default']): Flag => ({
    name: `audit-${plugin}-${name}`, type, help, group, ...(value === undefined ? {} : { default: value }),
  })
  return [
    flag('batch-buffer-size', 'int', 'Events that may wait to be sent; batch mode', 10_000),
    flag('batch-max-size', 'int', 'Events in a batch; batch mode', webhook ? 400 : 1),
    flag('batch-max-wait', 'duration', 'Longest time until a batch is sent that is not full; batch mode', webhook ? 30_000 : undefined),
    flag('batch-throttle-burst', 'int', 'Batches that may follow each other at once; batch mode', webhook ? 15 : undefined),
    flag('batch-throttle-enable', 'bool', 'Whether batches are held back; batch mode', webhook ? true : undefined),
    flag('batch-throttle-qps', 'float', 'Batches a second on average; batch mode', webhook ? 10 : undefined),
    flag('mode', 'string', 'batch, blocking (requests wait for their event) or blocking-strict (and fail with it)', webhook ? 'batch' : 'blocking'),
    flag('truncate-enabled', 'bool', 'Whether events that are too long lose their bodies'),
    flag('truncate-max-batch-size', 'int', 'Bytes of a batch', 10_485_760),
    flag('truncate-max-event-size', 'int', 'Bytes of an event; one that is longer even without its bodies is left out', 102_400),
    { ...version, name: `audit-${plugin}-version`, help: `API version of events in ${what}` },
  ]
}

export const auditFlags: readonly Flag[] = [
  { name: 'audit-policy-file', type: 'string', help: 'Which requests are written down, and how much of them; without it none are', group },
  { name: 'audit-log-path', type: 'string', help: 'File that events are written to; "-" is standard output', group },
  { name: 'audit-log-format', type: 'string', default: 'json', help: 'json, or legacy: a line of text', group },
  { name: 'audit-log-maxage', type: 'int', default: 366, help: 'Days after which files that were put aside are removed; 0: never', group },
  { name: 'audit-log-maxbackup', type: 'int', default: 100, help: 'Files put aside that are kept; 0: all', group },
  { name: 'audit-log-maxsize', type: 'int', default: 100, help: 'Megabytes of the file until it is put aside; 0: without end', group },
  { name: 'audit-log-compress', type: 'bool', help: 'Whether files that were put aside are compressed', group },
  ...backendFlags('log', 'the log'),
  { name: 'audit-webhook-config-file', type: 'string', help: 'Kubeconfig of the webhook that events are sent to', group },
  { name: 'audit-webhook-initial-backoff', type: 'duration', default: 10_000, help: 'Time until a failed request is tried again', group },
  ...backendFlags('webhook', 'requests to the webhook'),
]
