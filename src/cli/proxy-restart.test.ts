/** The program `coxswain proxy` in a network namespace, under an API server outside it: killed and started again under traffic. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endpointSlices, namespaces, nodes, services } from '../api/generated/resources.ts'
import { createSystemEnv } from '../base/real/env.ts'
import type { Client } from '../client/client.ts'
import { freePort } from '../client/testing/free-port.ts'
import { kubeconfigText } from '../cluster/pki/kubeconfig.ts'
import { flowWorld, podPort } from '../proxy/testing/flows.ts'
import { type World, startWorld, whyNoKernel } from '../proxy/testing/kernel.ts'
import { service, slice } from '../proxy/testing/objects.ts'
import { modes } from '../proxy/testing/rulesets.ts'
import { clientFromKubeconfig } from './component.ts'

const reason = whyNoKernel()
const { addresses, nodeIP } = flowWorld('IPv4')
const [outside, inside] = ['169.254.214.1', '169.254.214.2']
const main = join(import.meta.dirname, 'main.ts')

describe.skipIf(reason !== undefined)(`the proxy's process${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  const env = createSystemEnv()
  const link = `cxr${process.pid}`
  const running: ChildProcess[] = []
  let dir: string
  let client: Client
  const closing: (() => Promise<void>)[] = []
  let kubeconfig: string

  /** A program that ends with this test. */
  function start(words: readonly string[], enter: readonly string[] = []): ChildProcess {
    const [program, ...rest] = [...enter, process.execPath, '--disable-warning=ExperimentalWarning', main, ...words]
    const child = spawn(program!, rest, { stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr!.resume()
    running.push(child)
    return child
  }

  async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cx-proxy-'))
    ip('link', 'add', link, 'type', 'bridge')
    ip('address', 'add', `${outside}/24`, 'dev', link)
    ip('link', 'set', link, 'up')
    const port = await freePort(outside)
    const certs = join(dir, 'certs')
    start(['apiserver', '--data-dir', join(dir, 'data'), '--secure-port', String(port), '--bind-address', outside, '--advertise-address', outside, '--cert-dir', certs])
    const read = (name: string) => readFileSync(join(certs, name), 'utf8')
    kubeconfig = join(dir, 'kubeconfig')
    await until(() => {
      const text = kubeconfigText({ clusterName: 'c', server: `https://${outside}:${port}`, caCert: read('ca.crt'), user: 'admin', credentials: { cert: read('admin.crt'), key: read('admin.key') } })
      writeFileSync(kubeconfig, text)
      return true
    })
    const made = await clientFromKubeconfig(kubeconfig, env, 'test')
    closing.push(() => made.close())
    client = made
    await until(async () => (await client.list(namespaces)).items.length > 0)
    await until(async () => (await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } })).metadata.name === 'ns')
    await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' }, status: { addresses: [{ type: 'InternalIP', address: nodeIP }] } })
    const external = { type: 'NodePort' }
    for (const [i, name] of ['talk', 'web'].entries()) {
      const { metadata: { uid: _, ...metadata }, ...rest } = service(name, `10.96.0.${i + 10}`, [{ port: 80, nodePort: 30_080 + i, targetPort: podPort }], external)
      await client.create(services, { ...rest, metadata })
      await client.create(endpointSlices, slice(name, [{ port: podPort + (name === 'talk' ? 1 : 0) }], [{ ip: addresses.pod1, node: 'a' }, { ip: addresses.pod2, node: 'a' }]))
    }
  }, 60_000)

  afterAll(async () => {
    for (const close of closing) await close()
    await Promise.all(running.map((child) => end(child, 'SIGKILL')))
    ip('link', 'delete', link)
    rmSync(dir, { recursive: true, force: true })
  })

  it.each(modes)('may be killed and started again under traffic, mode %s', async (mode) => {
    const kernel = await startWorld()
    try {
      joinNode(kernel)
      const proxy = () => start([
        'proxy', '--kubeconfig', kubeconfig, '--hostname-override', 'a', '--proxy-mode', mode, '--cluster-cidr', '10.77.0.0/16', '--conntrack-max-per-core', '0',
        '--conntrack-tcp-timeout-established', '0s', '--conntrack-tcp-timeout-close-wait', '0s', '--healthz-port', '0',
      ], kernel.enterNode)
      const answers = async (name: string) => (await kernel.dial('client', 'tcp', nodeIP, 30_081)).startsWith(name)
      const move = async (...pods: ('pod1' | 'pod2')[]) => {
        await client.patch(endpointSlices, { namespace: 'ns', name: 'web-abcde' }, 'merge', { endpoints: pods.map((pod) => ({ addresses: [addresses[pod]], nodeName: 'a', conditions: { ready: true, serving: true, terminating: false } })) })
      }
      await move('pod1')
      let now = proxy()
      await until(() => answers('pod1'))
      for (let i = 0; i < 4; i++) expect(await kernel.stream('client', nodeIP, 30_080)).toBe('open')
      for (let i = 0; i < 4; i++) expect(await kernel.stream('pod1', '10.96.0.10', 80)).toBe('open')
      const failed: string[] = []
      let dialling = true
      const dials = (async () => {
        while (dialling) {
          const seen = await Promise.all([kernel.dial('client', 'tcp', nodeIP, 30_081, { timeoutMs: 900 }), kernel.dial('pod2', 'tcp', '10.96.0.11', 80, { timeoutMs: 900 })])
          failed.push(...seen.filter((answer) => !answer.startsWith('pod')))
        }
      })()
      // Killed in the middle of work, ended in order, and killed before the first rules of its own: each time another goes on with what changed meanwhile.
      for (const [signal, pod] of [['SIGKILL', 'pod2'], ['SIGTERM', 'pod1'], ['SIGKILL', 'pod2']] as const) {
        await end(now, signal)
        await move(pod)
        now = proxy()
        await until(() => answers(pod))
      }
      const early = proxy()
      await end(early, 'SIGKILL')
      await move('pod1', 'pod2')
      await until(() => answers('pod1'))
      await end(now, 'SIGTERM')
      dialling = false
      await dials
      expect(failed).toEqual([])
      for (const place of ['client', 'pod1'] as const) expect(await kernel.stopStreams(place)).toEqual(['ok', 'ok', 'ok', 'ok'])
    } finally {
      kernel.stop()
    }
  }, 60_000)

  /** Gives the node's namespace a way to the API server; it ends with the namespace. */
  function joinNode({ enterNode, onNode }: World): void {
    const netns = enterNode.find((word) => word.startsWith('--net='))!.split('/').at(-1)!
    ip('link', 'add', `${link}n`, 'master', link, 'type', 'veth', 'peer', 'name', 'server', 'netns', netns)
    ip('link', 'set', `${link}n`, 'up')
    onNode('ip', ['address', 'add', `${inside}/24`, 'dev', 'server'])
    onNode('ip', ['link', 'set', 'server', 'up'])
  }
})

const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' })

/** Until it holds; what it throws counts as not yet. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (;;) {
    try {
      if (await holds()) return
    } catch {
      // Not yet.
    }
    await sleep(50)
  }
}
