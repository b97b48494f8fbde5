/** The control plane dies at once and comes back: nothing acknowledged is missing, and no container noticed. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { places } from '../../src/cluster/hosts/locate.ts'
import { eventually, kubectl, root, webDeployment } from './kubectl.ts'

test('kill -9 of the control plane loses nothing and restarts no container', async () => {
  const { name, dir, kubeconfig } = inject('cluster')
  const namespace = 'restart'
  const cluster = kubectl('1.36')
  const k = kubectl('1.36', namespace)
  await cluster.ok(['create', 'namespace', namespace])
  await k.ok(['create', '-f', '-'], webDeployment('web', 2))
  await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  const containers = 'jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\\n"}{end}'
  const before = await k.ok(['get', 'pods', '-o', containers])

  // Writes go on until the moment of death; those that were answered must be there afterwards.
  const acknowledged: string[] = []
  let writing = true
  const writer = (async () => {
    for (let i = 0; writing; i++) {
      const result = await k.run(['create', 'configmap', `written-${i}`, '--from-literal=a=b'])
      if (result.code === 0) acknowledged.push(`configmap/written-${i}`)
    }
  })()
  await eventually('some writes', () => Promise.resolve(acknowledged.length), (count) => count >= 10)
  // The supervisor first: it would start the control plane again before hack/up is asked to.
  for (const file of ['control-plane.pid.supervisor', 'control-plane.pid']) {
    const [pid] = readFileSync(join(places().runDir, name, 'pids', file), 'utf8').split(' ')
    process.kill(Number(pid), 'SIGKILL')
  }
  writing = false
  await writer

  execFileSync(join(root, 'hack/up'), ['--name', name, '--nodes', '2', '--kubeconfig', kubeconfig, '--data', join(dir, 'data')], { stdio: 'inherit' })
  const kept = new Set((await k.ok(['get', 'configmaps', '-o', 'name'])).split('\n'))
  expect(acknowledged.filter((written) => !kept.has(written))).toEqual([])
  expect(await k.ok(['get', 'pods', '-o', containers])).toBe(before)
  await k.ok(['scale', 'deployment/web', '--replicas=3'])
  await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  await cluster.ok(['delete', 'namespace', namespace, '--wait=false'])
})
