import { expect, test } from 'vitest'
import { deployments, leases, pods } from '../api/generated/resources.ts'
import { createInProcessClient } from '../client/in-process.ts'
import { createLed } from '../client/led.ts'
import { createControllerManager } from './manager.ts'
import { createTestCluster } from './testing/cluster.ts'

const user = { name: 'system:kube-controller-manager', groups: ['system:masters', 'system:authenticated'] }

test('the lead is handed over within five seconds of a clean stop, at every moment of the other\'s waiting', async () => {
  const cluster = await createTestCluster({ controllers: [] })
  let writers: string[] = []
  const candidate = (identity: string) => {
    const client = createInProcessClient((request) => {
      if (request.info.verb === 'create' && request.info.resource === 'pods') writers.push(identity)
      return cluster.handler(request)
    }, user, { userAgent: identity })
    const led = createLed(cluster.env, client, {
      name: 'kube-controller-manager', identity,
      create: () => createControllerManager(cluster.env, client, { controllers: ['deployment-controller', 'replicaset-controller', 'garbage-collector-controller'] }),
    })
    return { identity, led }
  }
  const holder = async () => (await cluster.get(leases, 'kube-controller-manager', 'kube-system'))?.spec?.holderIdentity
  await cluster.client.create(deployments, {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } },
  })
  let leading = candidate('manager-0')
  await leading.led.start()
  await cluster.advance(1000)
  expect(await holder()).toBe('manager-0')
  for (let at = 1; at <= 6; at++) {
    const next = candidate(`manager-${at}`)
    await next.led.start()
    // The other tries every 2 to 4.4 seconds: each round stops at another moment of that.
    await cluster.advance(5000 + at * 700)
    expect(await holder()).toBe(leading.identity)
    await leading.led.stop()
    writers = []
    await cluster.client.patch(deployments, { namespace: 'default', name: 'web' }, 'merge', { spec: { replicas: 1 + at } })
    await cluster.advance(5000)
    expect(await holder()).toBe(next.identity)
    expect(await cluster.list(pods)).toHaveLength(1 + at)
    expect(writers).toEqual([next.identity])
    leading = next
  }
  await leading.led.stop()
  expect(await holder()).toBe('')
  await cluster.stop()
})
