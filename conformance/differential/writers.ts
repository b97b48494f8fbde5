/**
 * Whether both servers refuse the same writers: `node conformance/differential/writers.ts`. Users who may write an object but
 * lack what it speaks of (parameters to read, signers to sign for, claims to bind, devices to report) write it to
 * upstream's kube-apiserver and to ours; answers must be equal but for what a server makes up.
 */
import { Judge, helpOf } from './judge.ts'
import { request } from './client.ts'
import { grant, must, until } from './prepare.ts'
import { type Server, startServers } from './servers.ts'

helpOf(`node conformance/differential/writers.ts
sends writes of users with few rights to upstream's kube-apiserver and to ours and prints where the answers differ.`)

const rule = (apiGroup: string, resources: string[], verbs: string[], resourceNames?: string[]) => ({ apiGroups: [apiGroup], resources, verbs, ...(resourceNames === undefined ? {} : { resourceNames }) })
const admission = 'admissionregistration.k8s.io'
const claims = 'resource.k8s.io'
const author = [
  rule(admission, ['*'], ['*']), rule(claims, ['resourceclaims', 'resourceclaims/status', 'resourceclaimtemplates'], ['*']),
  rule('certificates.k8s.io', ['podcertificaterequests', 'podcertificaterequests/status'], ['*']),
]
/** What each user may. */
const rights: Readonly<Record<string, readonly object[]>> = {
  author, reader: [...author, rule('', ['configmaps'], ['get', 'list'])], secret: [...author, rule('', ['secrets'], ['get'], ['p'])],
  binder: [...author, rule(claims, ['resourceclaims/binding'], ['update', 'patch'])],
  driver: [...author, rule(claims, ['resourceclaims/driver'], ['arbitrary-node:patch'], ['gpu.example.com'])],
  signer: [...author, rule('certificates.k8s.io', ['signers'], ['sign'], ['a.example.com/*'])],
}

const policyPath = (kind: string) => `/apis/${admission}/v1/${kind}`
const policies: readonly (readonly [string, object])[] = [
  ['validatingadmissionpolicies', { matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] }, validations: [{ expression: 'true' }] }],
  ['mutatingadmissionpolicies', {
    matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] }, reinvocationPolicy: 'Never',
    mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }],
  }],
]
const paramKinds = [{ apiVersion: 'v1', kind: 'ConfigMap' }, { apiVersion: 'v1', kind: 'Secret' }, { apiVersion: 'v1', kind: 'Nothing' }, { apiVersion: 'none.example.com/v1', kind: 'X' }]
const references = [{ name: 'p', namespace: 'default', parameterNotFoundAction: 'Deny' }, { selector: {}, parameterNotFoundAction: 'Allow' }]

interface Write { readonly path: string; readonly body: object; readonly method?: string }

const dry = '?dryRun=All'
const namespace = 'writers'
const claimsPath = `/apis/${claims}/v1/namespaces/${namespace}/resourceclaims`
const device = { driver: 'gpu.example.com', pool: 'p', device: 'd' }
const allocation = (node: string, adminAccess?: boolean) => ({
  devices: { results: [{ request: 'r', ...device, ...(adminAccess === undefined ? {} : { adminAccess }) }] },
  nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }] },
})
const claimSpec = (more: object = {}) => ({ devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', ...more } }] } })

function* policyWrites(): Generator<Write> {
  for (const [kind, spec] of policies) {
    for (const paramKind of paramKinds) yield { path: policyPath(kind) + dry, body: { apiVersion: `${admission}/v1`, kind: kind === policies[0]![0] ? 'ValidatingAdmissionPolicy' : 'MutatingAdmissionPolicy', metadata: { name: 'p' }, spec: { ...spec, paramKind } } }
    const bindings = kind.replace('policies', 'policybindings')
    for (const paramRef of references) {
      for (const policyName of ['stored-0', 'stored-1', 'stored-2', 'stored-3', 'absent']) {
        yield {
          path: policyPath(bindings) + dry,
          body: {
            apiVersion: `${admission}/v1`, kind: kind === policies[0]![0] ? 'ValidatingAdmissionPolicyBinding' : 'MutatingAdmissionPolicyBinding', metadata: { name: 'b' },
            spec: { policyName, paramRef, ...(kind === policies[0]![0] ? { validationActions: ['Deny'] } : {}) },
          },
        }
      }
    }
  }
}

const statusOf = (name: string, status: object): Write => ({ method: 'PATCH', path: `${claimsPath}/${name}/status${dry}`, body: { status } })

const writes: readonly Write[] = [
  ...policyWrites(),
  ...[{}, { adminAccess: false }, { adminAccess: true }].map((more): Write => ({ path: claimsPath + dry, body: { metadata: { name: 'new' }, spec: claimSpec(more) } })),
  { path: claimsPath.replace('resourceclaims', 'resourceclaimtemplates') + dry, body: { metadata: { name: 'new' }, spec: { spec: claimSpec({ adminAccess: true }) } } },
  statusOf('free', { allocation: allocation('n') }), statusOf('free', { allocation: allocation('n', true) }),
  statusOf('taken', { reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }] }), statusOf('taken', { devices: [{ ...device, data: { a: 1 } }] }),
  statusOf('taken', { devices: [{ ...device, driver: 'other.example.com' }] }), statusOf('taken', { devices: [{ ...device, conditions: [] }] }), statusOf('taken', { devices: [device, device] }),
  statusOf('reported', { devices: null }), statusOf('reported', { allocation: null }), statusOf('reported', {}),
  ...['a.example.com/s', 'b.example.com/s'].map((signer): Write => ({
    method: 'PATCH', path: `/apis/certificates.k8s.io/v1beta1/namespaces/${namespace}/podcertificaterequests/${signer[0]}/status${dry}`,
    body: { status: { conditions: [{ type: 'Denied', status: 'True', reason: 'No', message: 'no', lastTransitionTime: '2026-01-01T00:00:00Z' }] } },
  })),
]

/** Rights, and the objects that are there already. */
async function prepare(server: Server): Promise<void> {
  await must(server, 'POST', '/api/v1/namespaces', { metadata: { name: namespace } })
  await grant(server, rights)
  for (const [kind, spec] of policies) {
    for (const [i, paramKind] of paramKinds.entries()) await must(server, 'POST', policyPath(kind), { metadata: { name: `stored-${i}` }, spec: { ...spec, paramKind } })
  }
  for (const name of ['free', 'taken', 'reported']) await must(server, 'POST', claimsPath, { metadata: { name }, spec: claimSpec() })
  for (const name of ['taken', 'reported']) await must(server, 'PATCH', `${claimsPath}/${name}/status`, { status: { allocation: allocation('n'), ...(name === 'reported' ? { devices: [{ ...device, data: { a: 1 } }] } : {}) } })
  await until(`${server.name}: what was granted does not count`, async () => {
    const answers = await Promise.all(Object.keys(rights).map((user) => request(server.url, user, 'GET', claimsPath)))
    return answers.every(({ code }) => code === 200)
  })
}

const { ours, theirs, stop } = await startServers(Object.keys(rights))
try {
  const judge = new Judge()
  await Promise.all([prepare(ours), prepare(theirs)])
  for (const user of Object.keys(rights)) {
    for (const { path, body, method = 'POST' } of writes) {
      const [mine, upstreams] = await Promise.all([ours, theirs].map(({ url }) => request(url, user, method, path, body, method === 'PATCH' ? 'application/merge-patch+json' : undefined)))
      const lines = judge.compare(`writers: ${user}`, `${method} ${path}`, mine!, upstreams!)
      if (lines.length > 0) console.log(`${user} ${method} ${path} ${JSON.stringify(body).slice(0, 300)}: ${upstreams!.code} and ours ${mine!.code}\n${lines.slice(0, 12).map((line) => line.slice(0, 800)).join('\n')}`)
    }
  }
  if (!judge.report()) process.exitCode = 1
} finally {
  stop()
}
