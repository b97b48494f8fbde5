import { describe, expect, it } from 'vitest'
import { UsageError, parseFlags } from './command.ts'
import { proxyFlags } from './flags/proxy.ts'
import { proxyConfiguration, proxyOptions } from './proxy.ts'

const configure = (...words: string[]) => proxyConfiguration(parseFlags(proxyFlags, words).values).config

describe('flags of coxswain proxy', () => {
  it('become fields of the configuration', () => {
    expect(configure('--proxy-mode=iptables', '--iptables-sync-period=1m', '--masquerade-all', '--conntrack-min=7', '--healthz-port=0', '--metrics-bind-address=', '--hostname-override= Node-1 ')).toMatchObject({
      mode: 'iptables', iptables: { syncPeriod: 60_000, minSyncPeriod: 1_000, masqueradeAll: true }, conntrack: { min: 7 },
      healthzBindAddress: '', metricsBindAddress: '', hostnameOverride: 'node-1', detectLocalMode: 'ClusterCIDR', nodePortAddresses: [],
    })
    expect(configure('--metrics-bind-address=::', '--metrics-port=77')).toMatchObject({ mode: 'nftables', nodePortAddresses: ['primary'], metricsBindAddress: '[::]:77' })
  })
  it.each([
    [['--ipvs-scheduler=rr'], 'flag --ipvs-scheduler is not supported: mode ipvs is deprecated upstream; use nftables or iptables'],
    [['--proxy-mode=ipvs'], 'mode ipvs is not supported: it is deprecated upstream; use nftables or iptables'],
    [['--iptables-masquerade-bit=32'], 'failed validate: KubeProxyConfiguration.KubeProxyIPTablesConfiguration.MasqueradeBit: Invalid value: 32: must be within the range [0, 31]'],
    [['--healthz-bind-address=foo'], 'invalid argument "foo" for "--healthz-bind-address" flag: "foo" is not in a valid format (ip or ip:port)'],
    [['--config=/nowhere/x.yaml'], /^failed complete: cannot read the configuration \/nowhere\/x.yaml: ENOENT/],
  ])('%j is refused', (words, message) => {
    expect(() => configure(...words)).toThrow(UsageError)
    expect(() => configure(...words)).toThrow(message)
  })
  it('become options of the component', () => {
    const { detectLocal, healthz, nodePortAddresses } = proxyOptions(configure('--cluster-cidr=10.1.0.0/16,fd00::/48', '--healthz-bind-address=[::1]:99'))
    expect({ detectLocal, healthz, nodePortAddresses }).toEqual({
      detectLocal: { cidrs: ['10.1.0.0/16', 'fd00::/48'] }, healthz: { address: '::1', port: 99 }, nodePortAddresses: 'primary',
    })
    expect(proxyOptions(configure('--detect-local-mode=InterfaceNamePrefix', '--pod-interface-name-prefix=cali')).detectLocal).toEqual({ interface: 'cali*' })
  })
})
