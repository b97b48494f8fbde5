import { describe, expect, it } from 'vitest'
import type { NetworkPolicy } from '../../api/generated/types/networking-v1.ts'
import { Table } from '../nftables/table.ts'
import { flowWorld } from '../testing/flows.ts'
import { policyCases, policyWorld, reaches } from '../testing/policies.ts'
import { trace } from '../trace.ts'
import { compilePolicies, policyBase } from './compile.ts'

describe.each(['IPv4', 'IPv6'] as const)('policies, %s', (family) => {
  const { addresses, nodeIP } = flowWorld(family)
  const { pods, namespaces, policiesOf } = policyWorld(family)
  const rulesOf = (policies: readonly NetworkPolicy[], list = pods) => {
    const table = new Table(family, undefined, 'network-policy')
    table.update(new Map([['', policyBase()], ...compilePolicies({ family, nodeName: 'a', policies, pods: list, namespaces })]))
    return table.ruleset
  }
  it.each(policyCases)('$name', (one) => {
    const rules = rulesOf(policiesOf(one))
    const refused = reaches.filter(([from, to, port]) => {
      const packet = { source: addresses[from], destination: addresses[to], port, protocol: port === 5353 ? 'udp' : 'tcp', fromNode: from === 'node' } as const
      return trace(rules, packet, { localAddresses: [nodeIP] })[0]!.verdict !== 'accept'
    })
    expect(refused.map(([from, to, port]) => `${from}>${to}:${port}`).sort()).toEqual([...one.refused].sort())
  })

  it('leave pods alone that have ended, use the network of their node or have no address', () => {
    const [pod1, ...others] = pods
    const policies = policiesOf(policyCases.find(({ name }) => name === 'nothing in')!)
    const changed = [{ ...pod1!, status: { ...pod1!.status, phase: 'Succeeded' } }, { ...pod1!, spec: { ...pod1!.spec!, hostNetwork: true } }, { ...pod1!, status: { phase: 'Pending' } }]
    for (const pod of changed) expect(rulesOf(policies, [pod, ...others]).elements.size).toBe(0)
  })
})
