/** How a comparison brings both servers to the same state before it asks. */
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from './client.ts'
import { type Server, token } from './servers.ts'

/** The administrator's request, which has to be taken. Answers its body. */
export async function must(server: Server, method: string, path: string, body?: object): Promise<unknown> {
  const answer = await request(server.url, token, method, path, body, method === 'PATCH' ? 'application/merge-patch+json' : undefined)
  if (answer.code > 201) throw new Error(`${server.name} ${method} ${path}: ${answer.code} ${JSON.stringify(answer.body)}`)
  return answer.body
}

/** Gives each user, by name, the rights of these rules in the whole cluster. */
export async function grant(server: Server, rights: Readonly<Record<string, readonly object[]>>): Promise<void> {
  const apiGroup = 'rbac.authorization.k8s.io'
  for (const [name, rules] of Object.entries(rights)) {
    await must(server, 'POST', `/apis/${apiGroup}/v1/clusterroles`, { metadata: { name }, rules })
    await must(server, 'POST', `/apis/${apiGroup}/v1/clusterrolebindings`, { metadata: { name }, roleRef: { apiGroup, kind: 'ClusterRole', name }, subjects: [{ kind: 'User', name, apiGroup }] })
  }
}

/** Looks ten times a second, for ten seconds: what servers go by is read from caches, which follow. Throws `failure` in the end. */
export async function until(failure: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await holds()) return
    await sleep(100)
  }
  throw new Error(failure)
}
