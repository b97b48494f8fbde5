/** What a user does with kubectl, with the oldest and the newest one that are supported. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Kubectl, eventually, image, killContainer, kubectl, webDeployment } from './kubectl.ts'

describe.each(['1.32', '1.36'] as const)('kubectl %s', (version) => {
  const namespace = `kubectl-${version.replace('.', '-')}`
  const dir = mkdtempSync(join(tmpdir(), 'kubectl-'))
  let k: Kubectl
  let cluster: Kubectl

  beforeAll(async () => {
    k = kubectl(version, namespace)
    cluster = kubectl(version)
    await cluster.ok(['create', 'namespace', namespace])
    await eventually('the default service account', () => k.ok(['get', 'serviceaccount', 'default', '-o', 'name']), (name) => name.trim() === 'serviceaccount/default')
    await k.ok(['create', '-f', '-'], webDeployment('web', 2))
    await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  test('get prints tables, names, JSON, templates and sorted lists', async () => {
    expect(await k.ok(['get', 'deployments'])).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2 +\d+/)
    expect(await k.ok(['get', 'pods', '-o', 'wide'])).toMatch(/NAME +READY +STATUS +RESTARTS +AGE +IP +NODE/)
    expect(await cluster.ok(['get', 'nodes'])).toMatch(/NAME +STATUS +ROLES +AGE +VERSION\n\S+ +Ready/)
    expect((await k.ok(['get', 'deploy,rs,po', '-o', 'name'])).split('\n').filter(Boolean)).toHaveLength(4)
    const list = JSON.parse(await k.ok(['get', 'pods', '-l', 'app=web', '-o', 'json'])) as { kind: string; items: { status: { phase: string } }[] }
    expect(list.items.map((pod) => pod.status.phase)).toEqual(['Running', 'Running'])
    expect(await k.ok(['get', 'deploy', 'web', '-o', 'jsonpath={.spec.replicas}'])).toBe('2')
    expect(await k.ok(['get', 'pods', '--field-selector', 'status.phase=Failed', '-o', 'name'])).toBe('')
    expect(await cluster.ok(['get', 'namespaces', '--sort-by=.metadata.name', '-o', 'name'])).toContain('namespace/kube-system')
  })

  test('describe shows owners, conditions and events', async () => {
    expect(await k.ok(['describe', 'deployment', 'web'])).toMatch(/Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/)
    // Events are told in the background, here as upstream.
    const told = (text: string): boolean => /Normal +Scheduled/.test(text) && /Normal +Started/.test(text)
    const pod = await eventually('the pods\' events', () => k.ok(['describe', 'pods', '-l', 'app=web', '--show-events=true']), told, 20_000)
    expect(pod).toMatch(/Controlled By: +ReplicaSet\/web-/)
    expect(pod).toContain('QoS Class:')
    expect(await cluster.ok(['describe', 'nodes'])).toMatch(/Kubelet Version: +v1\.36/)
  })

  test('explain knows every field', async () => {
    expect(await k.ok(['explain', 'deployment.spec.strategy.rollingUpdate'])).toMatch(/maxSurge/)
    expect(await k.ok(['explain', 'pods.spec.containers'])).toMatch(/image\s+<string>/)
    expect((await k.run(['explain', 'pods.nothing'])).stderr).toContain('field "nothing" does not exist')
  })

  test('apply, client side and server side, diff and conflicts', async () => {
    const file = join(dir, 'config.yaml')
    const manifest = (value: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\ndata:\n  key: ${value}\n`
    writeFileSync(file, manifest('one'))
    expect(await k.ok(['apply', '-f', file])).toBe('configmap/config created\n')
    expect(await k.ok(['apply', '-f', file])).toBe('configmap/config unchanged\n')
    writeFileSync(file, manifest('two'))
    const diff = await k.run(['diff', '-f', file])
    expect(diff.code).toBe(1)
    expect(diff.stdout).toMatch(/-\s+key: one[\s\S]*\+\s+key: two/)
    expect(await k.ok(['apply', '-f', file])).toBe('configmap/config configured\n')
    const other = manifest('three').replace('name: config', 'name: server-side')
    expect(await k.ok(['apply', '--server-side', '-f', '-'], other)).toBe('configmap/server-side serverside-applied\n')
    const conflict = await k.run(['apply', '--server-side', '--field-manager=other', '-f', '-'], other.replace('three', 'four'))
    expect(conflict.code).not.toBe(0)
    expect(conflict.stderr).toContain('conflict with "kubectl"')
    await k.ok(['apply', '--server-side', '--field-manager=other', '--force-conflicts', '-f', '-'], other.replace('three', 'four'))
    expect(await k.ok(['get', 'configmap', 'server-side', '-o', 'jsonpath={.data.key}'])).toBe('four')
  })

  test('scale, rollout of a change, history and undo', async () => {
    await k.ok(['scale', 'deployment/web', '--replicas=3'])
    await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])
    await k.ok(['set', 'env', 'deployment/web', 'COLOR=green'])
    expect(await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])).toContain('successfully rolled out')
    expect(await k.ok(['rollout', 'history', 'deployment/web'])).toMatch(/\n1 [\s\S]*\n2 /)
    await k.ok(['rollout', 'undo', 'deployment/web'])
    await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])
    expect(await k.ok(['get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].env}'])).toBe('')
    await k.ok(['rollout', 'restart', 'deployment/web'])
    await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  })

  test('run, logs, exec, attach, cp', async () => {
    await k.ok(['run', 'tool', `--image=${image}`, '--restart=Never', '--', 'sh', '-c', 'echo first; while read line; do echo "got $line"; done; sleep 3600'])
    await k.ok(['wait', '--for=condition=Ready', 'pod/tool', '--timeout=60s'])
    await eventually('the first line of the log', () => k.ok(['logs', 'tool']), (log) => log === 'first\n')
    expect(await k.ok(['logs', 'tool', '--timestamps'])).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z first\n$/)
    await eventually('logs by label, once the pods of before are gone', () => k.ok(['logs', '-l', 'app=web', '--tail=1']), (log) => log.includes('serving'))
    expect(await k.ok(['exec', 'tool', '--', 'sh', '-c', 'echo out; echo err >&2'])).toBe('out\n')
    expect((await k.run(['exec', 'tool', '--', 'sh', '-c', 'exit 7'])).code).toBe(7)
    expect(await k.ok(['exec', '-i', 'tool', '--', 'cat'], 'through and back\n')).toBe('through and back\n')
    writeFileSync(join(dir, 'there'), 'content\n')
    await k.ok(['cp', join(dir, 'there'), 'tool:/tmp/there'])
    await k.ok(['cp', 'tool:/tmp/there', join(dir, 'back')])
    expect(readFileSync(join(dir, 'back'), 'utf8')).toBe('content\n')
    await k.ok(['run', 'listener', `--image=${image}`, '--restart=Never', '-i', '--quiet', '--attach=false', '--stdin=true', '--', 'sh', '-c', 'while read line; do echo "got $line"; done'])
    await k.ok(['wait', '--for=condition=Ready', 'pod/listener', '--timeout=60s'])
    const attached = k.start(['attach', '-i', '-q', 'listener'])
    let seen = ''
    attached.stdout!.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    attached.stdin!.write('hello\n')
    await eventually('an answer through attach', () => Promise.resolve(seen), (text) => text.includes('got hello'), 30_000)
    attached.kill()
    await k.ok(['delete', 'pod', 'tool', 'listener', '--grace-period=1'])
  })

  test('expose and port-forward', async () => {
    expect(await k.ok(['expose', 'deployment', 'web', '--port=80', '--target-port=http'])).toBe('service/web exposed\n')
    await eventually('endpoints', () => k.ok(['get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-o', 'jsonpath={.items[*].endpoints[*].addresses[0]}']), (text) => text.split(' ').length === 3)
    const forward = k.start(['port-forward', 'service/web', ':80'])
    let text = ''
    forward.stdout!.on('data', (chunk: Buffer) => (text += chunk.toString()))
    forward.stderr!.on('data', (chunk: Buffer) => (text += chunk.toString()))
    try {
      await eventually('a forwarded port', () => Promise.resolve(text), (shown) => /127\.0\.0\.1:(\d+)/.test(shown), 30_000)
      const port = /127\.0\.0\.1:(\d+)/.exec(text)![1]
      for (let i = 0; i < 3; i++) expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toMatch(/^web-/)
    } finally {
      forward.kill()
    }
  })

  test('errors read as users know them', async () => {
    expect((await k.run(['get', 'nothing'])).stderr).toContain('the server doesn\'t have a resource type "nothing"')
    expect((await k.run(['get', 'pod', 'nobody'])).stderr).toBe('Error from server (NotFound): pods "nobody" not found\n')
    const invalid = await k.run(['create', '-f', '-'], 'apiVersion: v1\nkind: Pod\nmetadata: {name: "Bad_Name"}\nspec: {containers: [{name: a}]}\n')
    expect(invalid.stderr).toContain('metadata.name: Invalid value: "Bad_Name"')
    expect((await k.run(['create', '-f', '-'], 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {contaners: []}\n')).stderr).toContain('unknown field "spec.contaners"')
    expect((await k.run(['--as=nobody', 'get', 'pods'])).stderr).toContain(`User "nobody" cannot list resource "pods" in API group "" in the namespace "${namespace}"`)
    expect((await k.run(['--nothing'])).stderr).toContain('unknown flag: --nothing')
    await k.ok(['run', 'broken', '--image=example.org/does-not-exist:1', '--restart=Never'])
    await eventually('the image error', () => k.ok(['get', 'pod', 'broken']), (text) => /ErrImagePull|ImagePullBackOff/.test(text), 60_000)
    expect(await k.ok(['auth', 'can-i', 'create', 'pods'])).toBe('yes\n')
  })

  test('a killed container is started again, a deleted pod replaced', async () => {
    const [pod] = (await k.ok(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ')
    const [node, id] = (await k.ok(['get', 'pod', pod!, '-o', 'jsonpath={.spec.nodeName} {.status.containerStatuses[0].containerID}'])).split(' ')
    // From the node: inside, the kernel spares process 1.
    killContainer(node!, id!.replace('containerd://', ''))
    await eventually('a restart', () => k.ok(['get', 'pod', pod!, '-o', 'jsonpath={.status.containerStatuses[0].restartCount}:{.status.containerStatuses[0].ready}']), (text) => /^[1-9]\d*:true$/.test(text))
    await k.ok(['delete', 'pod', pod!])
    await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])
    expect((await k.ok(['get', 'pods', '-l', 'app=web', '-o', 'name'])).split('\n').filter(Boolean).length).toBeGreaterThanOrEqual(3)
  })

  test('delete namespace takes all with it', async () => {
    await cluster.ok(['delete', 'namespace', namespace, '--timeout=120s'])
    expect((await cluster.run(['get', 'namespace', namespace])).stderr).toContain('not found')
  })
})
