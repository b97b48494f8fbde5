import { expect, it } from 'vitest'
import { startTestServer } from '../testing.ts'

const schemas = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas'

it('answers name their classes, status tells of missing levels, the rest is put right', async () => {
  const test = await startTestServer({ tokenUsers: new Map([['t', { name: 'kim', groups: ['system:masters-not'] }]]) })
  try {
    const dangling = {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'FlowSchema', metadata: { name: 'lost' },
      spec: {
        priorityLevelConfiguration: { name: 'nowhere' }, matchingPrecedence: 1500, distinguisherMethod: { type: 'ByUser' },
        rules: [{ subjects: [{ kind: 'User', user: { name: 'kim' } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }],
      },
    }
    expect((await test.call('POST', schemas, { body: dangling, headers: { 'content-type': 'application/json' } })).code).toBe(201)
    let conditions: { type: string; status: string; reason: string; message: string }[] | undefined
    for (let i = 0; i < 100 && conditions === undefined; i++) {
      const { status } = (await test.call('GET', `${schemas}/lost`)).json as { status?: { conditions?: typeof conditions } }
      conditions = status?.conditions
      if (conditions === undefined) await new Promise((done) => setTimeout(done, 20))
    }
    expect(conditions).toMatchObject([{
      type: 'Dangling', status: 'True', reason: 'NotFound',
      message: 'This FlowSchema references the PriorityLevelConfiguration object named "nowhere" but there is no such object',
    }])
    const uid = async (path: string) => ((await test.call('GET', path)).json as { metadata: { uid: string } }).metadata.uid
    const kim = await test.call('GET', '/api', { as: null, headers: { authorization: 'Bearer t' } })
    expect(kim.headers['x-kubernetes-pf-flowschema-uid']).toBe(await uid(`${schemas}/global-default`))
    expect(kim.headers['x-kubernetes-pf-prioritylevel-uid']).toBe(await uid('/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/global-default'))
    expect((await test.call('GET', '/metrics')).text).toMatch(/apiserver_flowcontrol_dispatched_requests_total\{priority_level="global-default",flow_schema="global-default"\} 1/)
  } finally {
    await test.stop()
  }
})
