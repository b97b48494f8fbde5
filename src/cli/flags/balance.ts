import type { Flag } from '../command.ts'

export const balanceFlags: readonly Flag[] = [
  { name: 'address', type: 'string', default: '0.0.0.0', help: 'Address to listen on' },
  { name: 'port', type: 'int', default: 6443, help: 'Port to listen on' },
  { name: 'to', type: 'list', default: [], help: 'API servers, each as HOST:PORT' },
  { name: 'ca-file', type: 'string', required: true, help: 'Who signs the certificates of the API servers' },
  { name: 'v', short: 'v', type: 'int', default: 2, help: 'How much is logged; 4 and more: debug' },
]
