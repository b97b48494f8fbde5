/** The container image, through the testcontainers package, on a Docker engine that hack/containers started for it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { GenericContainer, Network } from 'testcontainers'
import { afterAll, expect, it } from 'vitest'
import { CoxswainContainer, type StartedCoxswainContainer } from '../../src/cluster/helpers/testcontainers.ts'
import { makeBusyboxImage } from '../../src/cluster/images/index.ts'
import { eventually } from '../cluster/kubectl.ts'

const folder = mkdtempSync(join(tmpdir(), 'coxswain-containers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function core(cluster: StartedCoxswainContainer): CoreV1Api {
  const config = new KubeConfig()
  config.loadFromString(cluster.getKubeConfig())
  return config.makeApiClient(CoreV1Api)
}

const pod = (command: string): string => JSON.stringify({
  apiVersion: 'v1', kind: 'Pod', metadata: { name: 'hello' },
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'example.org/busybox:1', command: ['sh', '-c', command] }] },
})

const widgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.org }
spec:
  group: example.org
  scope: Namespaced
  names: { plural: widgets, singular: widget, kind: Widget }
  versions:
  - name: v1
    served: true
    storage: true
    schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
---
apiVersion: example.org/v1
kind: Widget
metadata: { name: one, namespace: default }
size: 3
`

it('runs a control plane with simulated nodes, without privileges', async () => {
  await using cluster = await new CoxswainContainer().withNodes(3).start()
  const { items } = await core(cluster).listNode()
  expect(items.map(({ metadata }) => metadata!.name)).toHaveLength(3)
  await cluster.apply(pod('true'))
  await eventually('the pod runs', () => core(cluster).readNamespacedPod({ name: 'hello', namespace: 'default' }), ({ status }) => status?.phase === 'Running')
  expect((await cluster.apply(widgets)).at(-1)).toMatchObject({ kind: 'Widget', size: 3, metadata: { generation: 1 } })
})

it('runs pods on real nodes when privileged, of images that were loaded', async () => {
  const archive = join(folder, 'busybox.tar')
  writeFileSync(archive, makeBusyboxImage(['example.org/busybox:1']))
  await using cluster = await new CoxswainContainer().withNodes(2).withRealNodes().start()
  await cluster.loadImage(archive)
  await cluster.apply(pod('echo hello from $(hostname)'))
  await eventually('the pod ends', () => core(cluster).readNamespacedPod({ name: 'hello', namespace: 'default' }), ({ status }) => status?.phase === 'Succeeded')
  expect(await core(cluster).readNamespacedPodLog({ name: 'hello', namespace: 'default' })).toBe('hello from hello\n')
})

it('is known by its alias to other containers of a network, and keeps its state when it is started again', async () => {
  await using network = await new Network().start()
  await using cluster = await new CoxswainContainer().withNetwork(network).withNetworkAliases('k8s').start()
  await cluster.apply(widgets)
  await using other = await new GenericContainer('coxswain:latest').withNetwork(network).withEntrypoint(['sleep', '1000']).start()
  await other.copyContentToContainer([{ content: cluster.getAliasedKubeConfig('k8s'), target: '/kubeconfig' }])
  const why = async () => other.exec(['coxswain', 'why', 'widgets.example.org/default/one', '--kubeconfig', '/kubeconfig'])
  const { output } = await why()
  // A control plane on disk keeps no causes: what counts is that the server was reached and its certificate believed.
  expect(output).not.toMatch(/ECONN|certificate|ENOTFOUND/)
  await cluster.restart()
  await eventually('the server is back', () => core(cluster).listNode(), ({ items }) => items.length === 1)
  expect((await cluster.apply(widgets)).at(-1)).toMatchObject({ kind: 'Widget', metadata: { generation: 1 } })
})

it('ends in order when it is told to, even while it starts', async () => {
  const name = `coxswain-ends-${process.pid}`
  const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  docker('run', '-d', '--name', name, 'coxswain')
  try {
    await eventually('it starts', async () => docker('exec', name, 'cat', '/run/coxswain/coxswain/pids/control-plane.pid'), (pid) => pid !== '')
    docker('stop', '-t', '60', name)
    expect(docker('inspect', '--format', '{{.State.ExitCode}}', name)).toBe('0')
  } finally {
    docker('rm', '-fv', name)
  }
})
