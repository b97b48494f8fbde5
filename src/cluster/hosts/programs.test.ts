import { describe, expect, it } from 'vitest'
import { planHosts } from './plan-hosts.ts'
import { type Swappable, apiPrograms, controllerPrograms, nodePrograms, swappable } from './programs.ts'

const plan = planHosts({ name: 'a', nodes: 1, dataDir: '/data', runDir: '/run/c', slot: 3 })
const files = { serverCert: '/crt', serverKey: '/key', clientCA: '/ca' }
const programs = (components: readonly Swappable[]) => {
  const choice = { coxswain: ['coxswain'], simulate: false, nodes: 1, cloud: true, ...(components.length === 0 ? {} : { upstream: { components, folder: '/up' } }) }
  return [...apiPrograms(plan, choice), ...controllerPrograms(plan, choice), ...nodePrograms(plan, plan.nodes[0]!, files, choice)]
}
const shown = (components: readonly Swappable[]) => programs(components).map(({ name, command }) => {
  const without = command.indexOf('--without')
  return `${name}: ${command[0]}${command[0] === 'coxswain' ? ` ${command[1]}` : ''}${without < 0 ? '' : ` without ${command[without + 1]}`}`
})

describe('the programs of a cluster', () => {
  it('are two when everything is ours', () => {
    expect(shown([])).toEqual(['control-plane: coxswain control-plane', 'node-1: coxswain node'])
  })

  it.each<[Swappable[], string[]]>([
    [['etcd'], ['etcd: /up/etcd', 'control-plane: coxswain control-plane', 'node-1: coxswain node']],
    [['kube-scheduler'], ['control-plane: coxswain control-plane without kube-scheduler', 'kube-scheduler: /up/kube-scheduler', 'node-1: coxswain node']],
    [['kubelet', 'kube-proxy'], [
      'control-plane: coxswain control-plane', 'node-1: coxswain node without kubelet,kube-proxy', 'node-1-kubelet: /up/kubelet', 'node-1-kube-proxy: /up/kube-proxy',
    ]],
    [['kube-apiserver', 'kube-scheduler'], [
      'etcd: coxswain etcd', 'kube-apiserver: /up/kube-apiserver', 'kube-controller-manager: coxswain controller-manager', 'kube-scheduler: /up/kube-scheduler',
      'cloud-controller-manager: coxswain cloud-controller-manager', 'node-1: coxswain node',
    ]],
    [['etcd', 'kube-apiserver'], [
      'etcd: /up/etcd', 'kube-apiserver: /up/kube-apiserver', 'kube-controller-manager: coxswain controller-manager', 'kube-scheduler: coxswain scheduler',
      'cloud-controller-manager: coxswain cloud-controller-manager', 'node-1: coxswain node',
    ]],
  ])('with %j of upstream', (components, expected) => {
    expect(shown(components)).toEqual(expected)
  })

  it('are all upstream\'s but for the pod network, DNS and the cloud when everything is', () => {
    expect(shown(swappable)).toEqual([
      'etcd: /up/etcd', 'kube-apiserver: /up/kube-apiserver', 'kube-controller-manager: /up/kube-controller-manager', 'kube-scheduler: /up/kube-scheduler',
      'cloud-controller-manager: coxswain cloud-controller-manager', 'node-1: coxswain node without kubelet,kube-proxy', 'node-1-kubelet: /up/kubelet', 'node-1-kube-proxy: /up/kube-proxy',
    ])
  })

  it('tell the cloud in the process of the control plane, which is on the machine', () => {
    const command = (cloud: boolean) => apiPrograms(plan, { coxswain: ['coxswain'], simulate: false, nodes: 1, cloud })[0]!.command
    expect(command(true)).toEqual(expect.arrayContaining(['--cloud-provider', 'local', '--cloud-config', '/data/cloud.yaml']))
    expect(command(false)).not.toContain('--cloud-provider')
  })

  it('have names by which hack/down tells nodes from the control plane', () => {
    for (const { name, netns } of programs(swappable)) expect(name.startsWith('node-')).toBe(netns !== undefined)
  })
})
