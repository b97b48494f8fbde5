/** Upstream's priority levels and flow schemas (apiserver/pkg/apis/flowcontrol/bootstrap), as data. */
import type { FlowSchema, FlowSchemaSpec, PriorityLevelConfiguration } from '../../api/generated/types/flowcontrol-v1.ts'

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1'
/** On an object whose spec follows the server's own; without it, or with another value, its spec is its owner's. */
export const autoUpdateAnnotation = 'apf.kubernetes.io/autoupdate-spec'
const annotations = { [autoUpdateAnnotation]: 'true' }

/** [shares, lendable percent, queues, hand size]; without queues requests are refused when the level is full. */
const levels: Readonly<Record<string, readonly [number, number, number?, number?]>> = {
  'catch-all': [5, 0], 'global-default': [20, 50, 128, 6], 'leader-election': [10, 0, 16, 4], 'node-high': [40, 25, 64, 6],
  system: [30, 33, 64, 6], 'workload-high': [40, 50, 128, 6], 'workload-low': [100, 90, 128, 6],
}
const queueLengthLimit = 50

type Rule = NonNullable<FlowSchemaSpec['rules']>[number]
type Subject = Rule['subjects'][number]

const user = (name: string): Subject => ({ kind: 'User', user: { name } })
const group = (name: string): Subject => ({ kind: 'Group', group: { name } })
const account = (namespace: string, name: string): Subject => ({ kind: 'ServiceAccount', serviceAccount: { namespace, name } })
const everybody = [group('system:unauthenticated'), group('system:authenticated')]

const anyResource = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }
const anyPath = { verbs: ['*'], nonResourceURLs: ['*'] }
const anything = (subjects: readonly Subject[]): Rule => ({ subjects: [...subjects], resourceRules: [anyResource], nonResourceRules: [anyPath] })

interface Schema {
  readonly name: string
  readonly level: string
  readonly precedence: number
  readonly by?: 'ByUser' | 'ByNamespace'
  readonly rule: Rule
}

const leases = { verbs: ['get', 'create', 'update'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] }

const schemas: readonly Schema[] = [
  { name: 'exempt', level: 'exempt', precedence: 1, rule: anything([group('system:masters')]) },
  {
    name: 'probes', level: 'exempt', precedence: 2,
    rule: { subjects: everybody, nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }] },
  },
  {
    name: 'system-leader-election', level: 'leader-election', precedence: 100, by: 'ByUser',
    rule: {
      subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler'), account('kube-system', '*')],
      resourceRules: [leases],
    },
  },
  {
    name: 'system-node-high', level: 'node-high', precedence: 400, by: 'ByUser',
    rule: {
      subjects: [group('system:nodes')],
      resourceRules: [
        { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ['*'] },
        { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
      ],
    },
  },
  { name: 'system-nodes', level: 'system', precedence: 500, by: 'ByUser', rule: anything([group('system:nodes')]) },
  { name: 'kube-controller-manager', level: 'workload-high', precedence: 800, by: 'ByNamespace', rule: anything([user('system:kube-controller-manager')]) },
  { name: 'kube-scheduler', level: 'workload-high', precedence: 800, by: 'ByNamespace', rule: anything([user('system:kube-scheduler')]) },
  { name: 'kube-system-service-accounts', level: 'workload-high', precedence: 900, by: 'ByNamespace', rule: anything([account('kube-system', '*')]) },
  { name: 'service-accounts', level: 'workload-low', precedence: 9000, by: 'ByUser', rule: anything([group('system:serviceaccounts')]) },
  { name: 'global-default', level: 'global-default', precedence: 9900, by: 'ByUser', rule: anything(everybody) },
  { name: 'catch-all', level: 'catch-all', precedence: 10_000, by: 'ByUser', rule: anything(everybody) },
]

function levelObject(name: string): PriorityLevelConfiguration {
  const metadata = { name, annotations }
  const kind = 'PriorityLevelConfiguration'
  const found = levels[name]
  if (found === undefined) {
    return { apiVersion, kind, metadata, spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } } }
  }
  const [nominalConcurrencyShares, lendablePercent, queues, handSize] = found
  const limitResponse = queues === undefined || handSize === undefined
    ? { type: 'Reject' } : { type: 'Queue', queuing: { queues, handSize, queueLengthLimit } }
  return {
    apiVersion, kind, metadata, spec: { type: 'Limited', limited: { nominalConcurrencyShares, limitResponse, lendablePercent } },
  } as PriorityLevelConfiguration
}

function schemaObject({ name, level, precedence, by, rule }: Schema): FlowSchema {
  return {
    apiVersion, kind: 'FlowSchema', metadata: { name, annotations },
    spec: {
      priorityLevelConfiguration: { name: level }, matchingPrecedence: precedence,
      ...(by === undefined ? {} : { distinguisherMethod: { type: by } }), rules: [rule],
    },
  }
}

/** Whether the server works with these as they are here, whatever is stored. */
export const isMandatory = (name: string): boolean => name === 'exempt' || name === 'catch-all'

export const bootstrapLevels: readonly PriorityLevelConfiguration[] = ['exempt', ...Object.keys(levels)].map(levelObject)
export const bootstrapSchemas: readonly FlowSchema[] = schemas.map(schemaObject)

/** What the server goes by before, and if ever, nothing of the name is stored. */
export const mandatoryLevels = new Map(bootstrapLevels.filter(({ metadata }) => isMandatory(metadata!.name!)).map((level) => [level.metadata!.name!, level]))
export const mandatorySchemas = new Map(bootstrapSchemas.filter(({ metadata }) => isMandatory(metadata!.name!)).map((schema) => [schema.metadata!.name!, schema]))
