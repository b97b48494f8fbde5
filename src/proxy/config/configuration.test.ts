import { describe, expect, it } from 'vitest'
import { aggregateText } from '../../api/meta/field-errors.ts'
import { ConfigurationError, apiVersion, defaultConfiguration, readConfiguration, writeConfiguration } from './configuration.ts'
import { validateConfiguration } from './validation.ts'

const document = (fields: object) => ({ apiVersion, kind: 'KubeProxyConfiguration', ...fields })
const read = (fields: object) => readConfiguration(document(fields)).config

describe('reading', () => {
  it("has upstream's defaults", () => {
    expect(defaultConfiguration()).toMatchObject({
      bindAddress: '0.0.0.0', healthzBindAddress: '0.0.0.0:10256', metricsBindAddress: '127.0.0.1:10249', configSyncPeriod: 900_000, oomScoreAdj: -999,
      nftables: { masqueradeBit: 14, syncPeriod: 30_000, minSyncPeriod: 1_000 }, conntrack: { maxPerCore: 32_768, min: 131_072, tcpEstablishedTimeout: 86_400_000 },
    })
    expect(read({ bindAddress: '::' })).toMatchObject({ healthzBindAddress: '[::]:10256', metricsBindAddress: '[::1]:10249' })
    expect(read({ bindAddress: 'fd00::1', healthzBindAddress: 'fd00::1' }).healthzBindAddress).toBe('[fd00::1]:10256')
  })
  it('reads what it writes', () => {
    const config = read({ mode: 'iptables', iptables: { minSyncPeriod: '1h2m0.5s' }, clusterCIDR: '10.0.0.0/8,fd00::/48', featureGates: { A: true }, conntrack: { min: 0 } })
    expect(config.iptables.minSyncPeriod).toBe(3_720_500)
    expect(readConfiguration(JSON.parse(JSON.stringify(writeConfiguration(config)))).config).toEqual(config)
    expect(writeConfiguration(config)).toMatchObject({ iptables: { minSyncPeriod: '1h2m0.5s', syncPeriod: '30s' }, conntrack: { min: 0, tcpCloseWaitTimeout: '1h0m0s' } })
  })
  it('names unknown fields, and refuses wrong types and other kinds', () => {
    expect(readConfiguration(document({ foo: 1, nftables: { bar: null }, mode: null })).warnings).toEqual(['unknown field "foo"', 'unknown field "nftables.bar"'])
    expect(() => read({ nftables: { masqueradeBit: 'x' } })).toThrow(new ConfigurationError('nftables.masqueradeBit: expected a number'))
    expect(() => readConfiguration({ kind: 'KubeletConfiguration', apiVersion })).toThrow('no kind "KubeletConfiguration" is registered for version')
    expect(() => readConfiguration({ apiVersion })).toThrow("Object 'Kind' is missing")
  })
})

describe('validation', () => {
  it('says what kube-proxy v1.36.3 says', () => {
    const config = read({
      mode: 'foo', bindAddress: 'zz', configSyncPeriod: '-1s', iptables: { masqueradeBit: 40 }, nftables: { syncPeriod: '-3s', minSyncPeriod: '5s' }, oomScoreAdj: 2000,
      conntrack: { maxPerCore: -1, tcpEstablishedTimeout: '-3s' }, clientConnection: { burst: -1 }, healthzBindAddress: 'a:b', metricsBindAddress: '127.0.0.1:1',
      nodePortAddresses: ['primary', '10.0.0.0/8', 'x'], detectLocalMode: 'Foo', showHiddenMetricsForVersion: '1.10',
    })
    // Recorded from the binary, but for its default mode.
    expect(aggregateText([...validateConfiguration(config)])).toBe(
      '[KubeProxyConfiguration.KubeProxyIPTablesConfiguration.MasqueradeBit: Invalid value: 40: must be within the range [0, 31], ' +
      'KubeProxyConfiguration.KubeProxyLinuxConfiguration.KubeProxyConntrackConfiguration.MaxPerCore: Invalid value: -1: must be greater than or equal to 0, ' +
      'KubeProxyConfiguration.KubeProxyLinuxConfiguration.KubeProxyConntrackConfiguration.TCPEstablishedTimeout: Invalid value: "-3s": must be greater than or equal to 0, ' +
      'KubeProxyConfiguration.KubeProxyLinuxConfiguration.OOMScoreAdj: Invalid value: 2000: must be within the range [-1000, 1000], ' +
      'KubeProxyConfiguration.Mode.ProxyMode: Invalid value: "foo": must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently nftables]), ' +
      'KubeProxyConfiguration.ClientConnection.Burst: Invalid value: -1: must be greater than or equal to 0, ' +
      'KubeProxyConfiguration.ConfigSyncPeriod: Invalid value: "-1s": must be greater than 0, ' +
      'KubeProxyConfiguration.SyncPeriod: Invalid value: "-3s": must be greater than 0, ' +
      'KubeProxyConfiguration.SyncPeriod: Invalid value: "5s": must be greater than or equal to KubeProxyConfiguration.MinSyncPeriod, ' +
      'KubeProxyConfiguration.BindAddress: Invalid value: "zz": not a valid textual representation of an IP address, ' +
      'KubeProxyConfiguration.HealthzBindAddress: Invalid value: "a": must be a valid IP, KubeProxyConfiguration.HealthzBindAddress: Invalid value: "b": must be a valid port, ' +
      'KubeProxyConfiguration.NodePortAddresses[0]: Invalid value: "primary": can\'t use both \'primary\' and CIDRs, ' +
      'KubeProxyConfiguration.ShowHiddenMetricsForVersion: Invalid value: "1.10": invalid showHiddenMetricsForVersion: showHiddenMetricsForVersion: Invalid value: "1.10": ' +
      'must be omitted or have the value \'1.35\'; only the previous minor version is allowed, ' +
      'KubeProxyConfiguration.DetectLocalMode: Unsupported value: "Foo": supported values: "ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix", ""]',
    )
  })
  it.each([
    [{ detectLocalMode: 'BridgeInterface' }, 'KubeProxyConfiguration.DetectLocalConfiguration.InterfaceName: Invalid value: "": must not be empty'],
    [{ clusterCIDR: '10.0.0.0/8,10.1.0.0/16', detectLocalMode: 'ClusterCIDR' }, /ClusterCIDRs: Invalid value: \["10.0.0.0\/8","10.1.0.0\/16"\]: must be a either a single CIDR or dual-stack pair/],
    [{ mode: 'nftables', nftables: { masqueradeBit: 32 } }, 'KubeProxyConfiguration.KubeProxyNFTablesConfiguration.MasqueradeBit: Invalid value: 32: must be within the range [0, 31]'],
    [{ mode: 'ipvs', ipvs: { udpTimeout: '-1s' } }, 'KubeProxyConfiguration.KubeProxyIPVSConfiguration.UDPTimeout: Invalid value: "-1s": must be greater than or equal to 0'],
    [{}, '[]'],
  ])('%j', (fields, text) => {
    const errors = aggregateText([...validateConfiguration(read(fields))])
    if (typeof text === 'string') expect(errors).toBe(text)
    else expect(errors).toMatch(text)
  })
})
