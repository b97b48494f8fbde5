/** Programs over client libraries (client-go, Python), which report a line for each of their steps; and kustomize, which kubectl has built in. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { eventually, kubectl, root, upstreamDir } from '../cluster/kubectl.ts'

const { kubeconfig } = inject('cluster')

function output(command: string, args: readonly string[]): Promise<{ code: number; text: string }> {
  return new Promise((done) => {
    execFile(command, args, { timeout: 240_000, encoding: 'utf8' }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, text: `${stdout}${error === null ? '' : stderr}` })
    })
  })
}

const programs = {
  'client-go': [join(upstreamDir, 'client-go-test')],
  'the Python client': [join(upstreamDir, '../python/bin/python'), join(root, 'conformance/clients/python_client.py')],
}

describe.each(Object.entries(programs))('%s', (name, [command, ...args]) => {
  it('does all it is made for', async () => {
    const namespace = name.replaceAll(/\W+/g, '-').toLowerCase()
    await kubectl().ok(['create', 'namespace', namespace])
    const { code, text } = await output(command!, [...args, kubeconfig, namespace])
    expect(text).not.toContain('FAIL')
    expect(code, text).toBe(0)
    expect(text.match(/^ok /gm)!.length).toBeGreaterThanOrEqual(5)
  })
})

describe('kustomize', () => {
  it('applies an overlay, and prunes what a later one leaves out', async () => {
    const k = kubectl('1.36', 'kustomize')
    await kubectl().ok(['create', 'namespace', 'kustomize'])
    const overlay = join(root, 'conformance/clients/kustomize/overlay')
    await k.ok(['apply', '-k', overlay])
    await k.ok(['rollout', 'status', 'deployment/over-web', '--timeout=120s'])
    const pod = (await k.ok(['get', 'pods', '-l', 'team=blue', '-o', 'jsonpath={.items[0].metadata.name}'])).trim()
    const index = () => k.ok(['exec', pod, '--', 'cat', '/www/index.html'])
    await eventually('the page of the overlay', index, (page) => page === 'overlay')
    expect(await k.ok(['diff', '-k', overlay])).toBe('')
    await k.ok(['delete', '-k', overlay, '--wait=true'])
    expect(await k.ok(['get', 'deployments,configmaps', '-l', 'team=blue', '-o', 'name'])).toBe('')
  })
})
