/** Parameters of operations: those that options have as fields, and those of connections. */
export interface Parameter {
  readonly name: string
  readonly type: 'string' | 'integer' | 'boolean'
  /** Tells apart parameters of one name that upstream describes differently: they are not the same one to a path. */
  readonly of?: string
}
const parameter = (name: string, type: Parameter['type'] = 'string', of?: string): Parameter => ({ name, type, ...(of === undefined ? {} : { of }) })

/** ListOptions. */
export const listing: readonly Parameter[] = [
  parameter('allowWatchBookmarks', 'boolean'), parameter('continue'), parameter('fieldSelector'), parameter('labelSelector'),
  parameter('limit', 'integer'), parameter('resourceVersion'), parameter('resourceVersionMatch'), parameter('sendInitialEvents', 'boolean'),
  parameter('shardSelector'), parameter('timeoutSeconds', 'integer'), parameter('watch', 'boolean'),
]
/** GetOptions. */
export const reading: readonly Parameter[] = [parameter('resourceVersion')]
/** CreateOptions and UpdateOptions. */
export const writing: readonly Parameter[] = [parameter('dryRun'), parameter('fieldManager'), parameter('fieldValidation')]
/** PatchOptions. */
export const patching: readonly Parameter[] = [parameter('dryRun'), parameter('fieldManager', 'string', 'patch'), parameter('fieldValidation'), parameter('force', 'boolean')]
/** DeleteOptions. */
export const deletion: readonly Parameter[] = [
  parameter('dryRun'), parameter('gracePeriodSeconds', 'integer'), parameter('ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'),
  parameter('orphanDependents', 'boolean'), parameter('propagationPolicy'),
]
export const collectionDeletion: readonly Parameter[] = [...deletion, ...listing.filter(({ name }) => name !== 'allowWatchBookmarks' && name !== 'watch')]
  .sort((a, b) => (a.name < b.name ? -1 : 1))

/** A subresource that is connected through to a node, or read as text. */
export interface Connector {
  readonly methods: readonly ('get' | 'put' | 'post' | 'patch' | 'delete' | 'options' | 'head')[]
  readonly parameters: readonly Parameter[]
  /** Whether anything may follow in the path. */
  readonly path?: true
  /** The media type of a text that is read, in place of a connection. */
  readonly text?: string
}

const every = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const
const streams = (...more: readonly Parameter[]): readonly Parameter[] =>
  [...more, parameter('container'), ...['stderr', 'stdin', 'stdout', 'tty'].map((name) => parameter(name, 'boolean'))]

/** By "resource/subresource". */
export const connectors: Readonly<Record<string, Connector>> = {
  'pods/attach': { methods: ['get', 'post'], parameters: streams() },
  'pods/exec': { methods: ['get', 'post'], parameters: streams(parameter('command')) },
  'pods/portforward': { methods: ['get', 'post'], parameters: [parameter('ports', 'integer')] },
  'pods/proxy': { methods: every, parameters: [parameter('path')], path: true },
  'services/proxy': { methods: every, parameters: [parameter('path')], path: true },
  'nodes/proxy': { methods: every, parameters: [parameter('path')], path: true },
  'pods/log': {
    methods: ['get'], text: 'text/plain',
    parameters: [
      parameter('container'), parameter('follow', 'boolean'), parameter('insecureSkipTLSVerifyBackend', 'boolean'), parameter('limitBytes', 'integer'),
      parameter('previous', 'boolean'), parameter('sinceSeconds', 'integer'), parameter('stream'), parameter('tailLines', 'integer'), parameter('timestamps', 'boolean'),
    ],
  },
}
