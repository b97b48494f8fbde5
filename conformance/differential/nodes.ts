/**
 * Whether both servers let a node do the same: `node conformance/differential/nodes.ts`. A kubelet's identity reads and writes
 * its own node, pods and what they refer to, and those of another; the Node authorizer and the NodeRestriction plugin of
 * upstream's kube-apiserver and of ours must answer alike.
 */
import type { OutgoingHttpHeaders } from 'node:http'
import { request } from './client.ts'
import { Judge, helpOf } from './judge.ts'
import { must, until } from './prepare.ts'
import { type Server, startServers, token } from './servers.ts'

helpOf(`node conformance/differential/nodes.ts
sends what a kubelet may and may not ask to upstream's kube-apiserver and to ours and prints where the answers differ.`)

const namespace = 'nodes'
const dry = '?dryRun=All'
const within = `/api/v1/namespaces/${namespace}`
const merge = 'application/merge-patch+json'
const strategic = 'application/strategic-merge-patch+json'

interface Ask { readonly method: string; readonly path: string; readonly body?: unknown; readonly type?: string }
const get = (path: string): Ask => ({ method: 'GET', path })
const post = (path: string, body: unknown): Ask => ({ method: 'POST', path: path + (path.includes('?') || path.endsWith('/token') || path.endsWith('reviews') ? '' : dry), body })
const patch = (path: string, body: unknown, type = merge): Ask => ({ method: 'PATCH', path: path + dry, body, type })
const remove = (path: string): Ask => ({ method: 'DELETE', path: path + dry })

const container = { name: 'c', image: 'i' }
const pod = (name: string, nodeName: string | undefined, more: { metadata?: object; spec?: object } = {}) => ({
  metadata: { name, ...more.metadata }, spec: { ...(nodeName === undefined ? {} : { nodeName }), containers: [container], ...more.spec },
})
const mirror = (metadata: object = {}) => ({ annotations: { 'kubernetes.io/config.mirror': 'x', 'kubernetes.io/config.hash': 'x' }, ...metadata })
const owner = (name: string, uid: string) => [{ apiVersion: 'v1', kind: 'Node', name, uid, controller: true }]
const node = (name: string, metadata: object = {}, spec: object = {}) => ({ metadata: { name, ...metadata }, spec })
const volumes = [
  { name: 'a', secret: { secretName: 's-%' } }, { name: 'b', configMap: { name: 'c-%' } }, { name: 'd', persistentVolumeClaim: { claimName: 'v-%' } },
  { name: 'e', projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }, { secret: { name: 'q-%' } }] } },
]
const stored = (n: string) => pod(`p-${n}`, n, { spec: { serviceAccountName: `a-${n}`, volumes: JSON.parse(JSON.stringify(volumes).replaceAll('%', n)) as object[], imagePullSecrets: [{ name: `pull-${n}` }] } })

/** What is there before anybody asks: of each node a pod and all that it refers to. */
function* world(): Generator<readonly [path: string, object: object]> {
  yield ['/api/v1/namespaces', { metadata: { name: namespace } }]
  for (const n of ['n1', 'n2']) {
    yield ['/api/v1/nodes', node(n)]
    for (const name of [`s-${n}`, `q-${n}`, `pull-${n}`]) yield [`${within}/secrets`, { metadata: { name } }]
    yield [`${within}/configmaps`, { metadata: { name: `c-${n}` } }]
    yield [`${within}/serviceaccounts`, { metadata: { name: `a-${n}` } }]
    yield [`${within}/persistentvolumeclaims`, { metadata: { name: `v-${n}` }, spec: { accessModes: ['ReadWriteOnce'], volumeName: `pv-${n}`, resources: { requests: { storage: '1Gi' } } } }]
    yield ['/api/v1/persistentvolumes', { metadata: { name: `pv-${n}` }, spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], csi: { driver: 'd.example.com', volumeHandle: n }, claimRef: { namespace, name: `v-${n}` } } }]
    yield [`${within}/pods`, stored(n)]
    yield ['/apis/storage.k8s.io/v1/csinodes', { metadata: { name: n }, spec: { drivers: [] } }]
    yield ['/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', { metadata: { name: n }, spec: { holderIdentity: n } }]
  }
  yield [`${within}/secrets`, { metadata: { name: 'other' } }]
  yield [`${within}/pods`, pod('waiting', undefined)]
}

const tokenFor = (name: string | undefined, uid: string, audiences?: string[]) =>
  ({ spec: { ...(audiences === undefined ? {} : { audiences }), ...(name === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } }) } })

function* asks(uids: Readonly<Record<string, string>>): Generator<Ask> {
  const labelled = (labels: object) => ({ metadata: { labels } })
  for (const name of ['n3', 'n1']) yield post('/api/v1/nodes', node(name))
  for (const labels of [{ 'node-restriction.kubernetes.io/a': 'b' }, { 'kubernetes.io/hostname': 'x' }, { 'kubernetes.io/unknown': 'x' }, { 'node.kubernetes.io/a': 'x' }, { 'example.com/a': 'x' }, { 'kubelet.kubernetes.io/a': 'x' }]) {
    for (const n of ['n1', 'n2']) yield patch(`/api/v1/nodes/${n}`, labelled(labels))
    yield post('/api/v1/nodes', node('me', { labels }))
    yield patch('/api/v1/nodes/n1/status', labelled(labels))
  }
  for (const n of ['n1', 'n2']) {
    yield* [
      get(`/api/v1/nodes/${n}`), patch(`/api/v1/nodes/${n}`, { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }), patch(`/api/v1/nodes/${n}`, { spec: { unschedulable: true } }),
      patch(`/api/v1/nodes/${n}/status`, { status: { phase: 'Running' } }), patch(`/api/v1/nodes/${n}`, { metadata: { ownerReferences: owner('x', 'y') } }), remove(`/api/v1/nodes/${n}`),
      patch(`/api/v1/nodes/${n}`, { spec: { configSource: { configMap: { name: 'a', namespace: 'b', uid: 'c', kubeletConfigKey: 'd' } } } }),
      ...['get', 'watch'].map((verb) => get(`${within}/pods?fieldSelector=spec.nodeName%3D${n}${verb === 'watch' ? '&watch=true&timeoutSeconds=1' : ''}`)), get(`${within}/pods/p-${n}`),
      patch(`${within}/pods/p-${n}/status`, { status: { phase: 'Running' } }), patch(`${within}/pods/p-${n}/status`, { metadata: { labels: { a: 'b' } } }, strategic),
      patch(`${within}/pods/p-${n}`, { metadata: { labels: { a: 'b' } } }), patch(`${within}/pods/p-${n}/ephemeralcontainers`, { spec: { ephemeralContainers: [{ name: 'e', image: 'i' }] } }, strategic),
      patch(`${within}/pods/p-${n}/resize`, { spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1m' } } }] } }, strategic),
      remove(`${within}/pods/p-${n}`), post(`${within}/pods/p-${n}/eviction`, { metadata: { name: `p-${n}` } }), post(`${within}/pods/p-${n}/eviction`, { metadata: { name: 'other' } }),
      post(`${within}/pods/p-${n}/binding`, { metadata: { name: `p-${n}` }, target: { kind: 'Node', name: n } }),
    ]
    for (const secret of [`s-${n}`, `q-${n}`, `pull-${n}`]) yield get(`${within}/secrets/${secret}`)
    for (const path of [`${within}/configmaps/c-${n}`, `${within}/persistentvolumeclaims/v-${n}`, `/api/v1/persistentvolumes/pv-${n}`, `${within}/serviceaccounts/a-${n}`]) yield get(path)
    yield get(`${within}/secrets?fieldSelector=metadata.name%3Ds-${n}`)
    yield get(`${within}/configmaps?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dc-${n}`)
    yield patch(`${within}/persistentvolumeclaims/v-${n}/status`, { status: { phase: 'Bound' } })
    yield patch(`${within}/persistentvolumeclaims/v-${n}`, { metadata: { labels: { a: 'b' } } })
    for (const account of [`a-${n}`, 'default']) {
      for (const body of [tokenFor(`p-${n}`, uids[`p-${n}`]!), tokenFor(undefined, ''), tokenFor(`p-${n}`, 'wrong'), tokenFor(`p-${n}`, uids[`p-${n}`]!, ['vault']), tokenFor(`p-${n}`, uids[`p-${n}`]!, ['elsewhere']), tokenFor('none', 'x')]) {
        yield post(`${within}/serviceaccounts/${account}/token`, body)
      }
    }
    const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'
    yield* [get(`${lease}/${n}`), patch(`${lease}/${n}`, { spec: { holderIdentity: 'x' } }), remove(`${lease}/${n}`), post(lease, { metadata: { name: `${n}x` }, spec: {} }), post(lease.replace('kube-node-lease', namespace), { metadata: { name: n }, spec: {} })]
    const csi = '/apis/storage.k8s.io/v1/csinodes'
    yield* [get(`${csi}/${n}`), patch(`${csi}/${n}`, { metadata: { annotations: { a: 'b' } } }), remove(`${csi}/${n}`), post(csi, { metadata: { name: `${n}x` }, spec: { drivers: [] } })]
    yield post('/apis/resource.k8s.io/v1/resourceslices', { metadata: { name: 'slice' }, spec: { nodeName: n, driver: 'd.example.com', pool: { name: n, generation: 1, resourceSliceCount: 1 }, devices: [] } })
    yield* [
      post(`${within}/pods`, pod('m', n, { metadata: mirror({ ownerReferences: owner(n, uids[n]!) }) })), post(`${within}/pods`, pod('m', n)), post(`${within}/pods`, pod('m', n, { metadata: mirror() })),
      post(`${within}/pods`, pod('m', n, { metadata: mirror({ ownerReferences: owner(n, 'wrong') }) })), post(`${within}/pods`, pod('m', n, { metadata: mirror({ ownerReferences: [...owner(n, uids[n]!), ...owner('x', 'y')] }) })),
      post(`${within}/pods`, pod('m', n, { metadata: mirror({ ownerReferences: owner(n, uids[n]!) }), spec: { serviceAccountName: `a-${n}` } })),
      ...[{ secret: { secretName: 's' } }, { configMap: { name: 'c' } }, { persistentVolumeClaim: { claimName: 'v' } }, { projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }, { emptyDir: {} }]
        .map((source) => post(`${within}/pods`, pod('m', n, { metadata: mirror({ ownerReferences: owner(n, uids[n]!) }), spec: { volumes: [{ name: 'a', ...source }] } }))),
      post(`${within}/pods`, pod('m', n, { metadata: mirror({ ownerReferences: owner(n, uids[n]!) }), spec: { containers: [{ ...container, env: [{ name: 'a', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }] } })),
      post(`${within}/pods`, pod('m', n, { metadata: mirror({ ownerReferences: owner(n, uids[n]!), labels: { a: 'b' } }) })),
    ]
  }
  yield* [
    get('/api/v1/nodes'), get(`${within}/secrets/other`), get(`${within}/secrets`), get('/api/v1/pods'), get(`${within}/pods/waiting`), remove(`${within}/pods/waiting`), get('/api/v1/services'), get(`${within}/endpoints`),
    get('/apis/node.k8s.io/v1/runtimeclasses'), get('/apis/storage.k8s.io/v1/csidrivers'), get('/apis/storage.k8s.io/v1/volumeattachments'), get('/apis/resource.k8s.io/v1/resourceslices'), get('/apis/apps/v1/deployments'),
    post(`${within}/events`, { metadata: { name: 'e', namespace }, involvedObject: { kind: 'Pod', namespace, name: 'p-n1' }, reason: 'R', message: 'm', type: 'Normal' }),
    post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'x' } }), post('/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec: { user: 'a', resourceAttributes: { verb: 'get', resource: 'pods' } } }),
    post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec: { resourceAttributes: { verb: 'get', resource: 'secrets', namespace, name: 's-n1' } } }),
    post('/apis/resource.k8s.io/v1/resourceslices', { metadata: { name: 'slice' }, spec: { allNodes: true, driver: 'd.example.com', pool: { name: 'x', generation: 1, resourceSliceCount: 1 }, devices: [] } }),
    post('/apis/certificates.k8s.io/v1/certificatesigningrequests', { metadata: { name: 'csr' }, spec: { request: '', signerName: 'kubernetes.io/kubelet-serving', usages: ['digital signature', 'server auth'] } }),
    { method: 'DELETE', path: `${within}/pods?dryRun=All` }, post(`${within}/pods`, pod('m', undefined, { metadata: mirror() })),
  ]
}

/** The objects, and their uids by name; waits until the node's rights count. */
async function prepare(server: Server): Promise<Record<string, string>> {
  const uids: Record<string, string> = { n3: 'none' }
  await until(`${server.name}: no namespace for leases`, async () => (await request(server.url, token, 'GET', '/api/v1/namespaces/kube-node-lease')).code === 200)
  for (const [path, object] of world()) {
    if (path.endsWith('/pods')) await request(server.url, token, 'POST', `${within}/serviceaccounts`, { metadata: { name: 'default' } })
    const { metadata } = await must(server, 'POST', path, object) as { metadata: { name: string; uid: string } }
    if (/\/(pods|nodes)$/.test(path)) uids[metadata.name] = metadata.uid
  }
  await until(`${server.name}: the node's rights do not count`, async () => {
    const answers = await Promise.all([`${within}/secrets/s-n1`, `${within}/pods/p-n1`, '/api/v1/services'].map((path) => request(server.url, token, 'GET', path, undefined, undefined, as('n1'))))
    return answers.every(({ code }) => code === 200)
  })
  return uids
}

const as = (name: string): OutgoingHttpHeaders => ({ 'impersonate-user': `system:node:${name}`, 'impersonate-group': 'system:nodes' })

const { ours, theirs, stop } = await startServers([], ['--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction'])
try {
  const judge = new Judge()
  const uids = await Promise.all([prepare(ours), prepare(theirs)])
  const lists = uids.map((one) => [...asks(one)])
  for (const [i, ask] of lists[0]!.entries()) {
    const [mine, upstreams] = await Promise.all([ours, theirs].map(({ url }, side) => {
      const { method, path, body, type } = lists[side]![i]!
      return request(url, token, method, path, body, type, as('n1'))
    }))
    const lines = judge.compare('nodes', `${ask.method} ${ask.path}`, withoutToken(mine!), withoutToken(upstreams!))
    if (lines.length > 0) console.log(`${ask.method} ${ask.path} ${JSON.stringify(ask.body ?? '').slice(0, 240)}: ${upstreams!.code} and ours ${mine!.code}\n${lines.slice(0, 8).map((line) => line.slice(0, 600)).join('\n')}`)
  }
  if (!judge.report()) process.exitCode = 1
} finally {
  stop()
}

/** A token that was issued says no more here than that it was. */
function withoutToken<T extends { readonly body: unknown }>(answer: T): T {
  const { status } = answer.body as { status?: { token?: string } }
  return status?.token === undefined ? answer : { ...answer, body: { ...answer.body as object, status: { ...status, token: '<token>' } } }
}
