/**
 * Whether both servers let the same users act as the same others: `node conformance/differential/impersonation.ts`. Users with
 * rights of every kind ask for identities of every kind, for requests of every kind; answers must be equal to the letter.
 */
import type { OutgoingHttpHeaders } from 'node:http'
import { jsonEqual } from '../../src/api/meta/json-equal.ts'
import { type Answer, request } from './client.ts'
import { grant, until } from './prepare.ts'
import { type Server, startServers, token } from './servers.ts'

const rule = (apiGroups: string[], resources: string[], verbs: string[], resourceNames?: string[]) => ({ apiGroups, resources, verbs, ...(resourceNames === undefined ? {} : { resourceNames }) })
const authentication = ['authentication.k8s.io']

/** What each user may; the administrator may everything, another nothing. */
const rights: Readonly<Record<string, readonly object[]>> = {
  jane: [],
  agent: [
    rule(authentication, ['nodes'], ['impersonate:arbitrary-node'], ['n1']), rule([''], ['pods'], ['impersonate-on:arbitrary-node:list', 'impersonate-on:serviceaccount:get']),
    rule(authentication, ['serviceaccounts'], ['impersonate:serviceaccount']), rule(authentication, ['selfsubjectreviews'], ['impersonate-on:user-info:create']),
    rule(authentication, ['users', 'groups', 'userextras/a.example/x'], ['impersonate:user-info']),
  ],
  boss: [rule(['', ...authentication], ['users', 'groups', 'serviceaccounts', 'uids', 'userextras/k'], ['impersonate'])],
}

const as = (user: string, more: OutgoingHttpHeaders = {}): OutgoingHttpHeaders => ({ 'impersonate-user': user, ...more })
const identities: readonly OutgoingHttpHeaders[] = [
  ...['root', 'system:node:n1', 'system:node:n2', 'system:node:', 'system:serviceaccount:default:s', 'system:serviceaccount:x', 'system:anonymous'].map((user) => as(user)),
  { 'impersonate-group': 'dev' }, { 'impersonate-uid': '5' }, { 'impersonate-extra-k': ['a', 'b'], 'impersonate-extra-a': 'x' },
  ...[['a', 'b'], ['a', 'b', 'c', 'd', 'e'], ['system:masters'], [''], ['system:unauthenticated']].map((groups) => as('u', { 'impersonate-group': groups })),
  ...['k', 'a.example%2Fx', 'a.example%2FX', 'a_b%2Fx', 'a.example%2F', '%2Fx'].map((key) => as('u', { [`impersonate-extra-${key}`]: 'v' })),
  as('u', { 'impersonate-extra-a.example%2Fx': '' }), as('u', { 'impersonate-extra-a.example%2Fx': ['1', '2', '3', '4'] }), as('u', { 'impersonate-uid': '7' }),
  as('system:serviceaccount:default:s', { 'impersonate-group': 'g' }), as('system:node:n1', { 'impersonate-group': 'system:nodes' }),
]
const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
const requests: readonly (readonly [method: string, path: string, body?: object])[] = [
  ['GET', '/healthz'], ['GET', '/metrics'], ['GET', '/api/v1/namespaces/default/pods'], ['GET', '/api/v1/namespaces/default/pods/x'], ['GET', '/api/v1/pods?labelSelector=a%3Db'],
  ['POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', review],
]

async function prepare(server: Server): Promise<void> {
  await grant(server, rights)
  await until(`${server.name}: what was granted does not count`, async () => (await request(server.url, 'boss', 'GET', '/healthz', undefined, undefined, as('root'))).code === 200)
}

/** Without what each server makes itself. */
const comparable = ({ code, body }: Answer): unknown => JSON.parse(JSON.stringify({ code, body: code === 200 ? undefined : body }, (key, value: unknown) => (key === 'creationTimestamp' || key === 'resourceVersion' ? undefined : value))) as unknown

const { ours, theirs, stop } = await startServers(Object.keys(rights))
let count = 0
let differences = 0
try {
  await Promise.all([prepare(ours), prepare(theirs)])
  for (const user of [token, ...Object.keys(rights)]) {
    for (const [method, path, body] of requests) {
      for (const headers of identities) {
        const [mine, upstreams] = await Promise.all([ours, theirs].map(async ({ url }) => comparable(await request(url, user, method, path, body, undefined, headers))))
        count++
        if (jsonEqual(mine, upstreams)) continue
        differences++
        console.log(`${user} ${method} ${path} ${JSON.stringify(headers)}\n  theirs ${JSON.stringify(upstreams)}\n  ours   ${JSON.stringify(mine)}`)
      }
    }
  }
} finally {
  stop()
}
console.log(`${count} requests as somebody else, ${differences} differ`)
process.exitCode = differences === 0 ? 0 : 1
