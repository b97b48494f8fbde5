import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { cloudNamed } from './cloud.ts'
import { cloudOptions, command } from './cloud-controller-manager.ts'
import { type Flag, parseFlags } from './command.ts'

/** `cloud-controller-manager --help` of v1.36.3. */
const upstream = `
  allocate-node-cidrs authentication-kubeconfig authentication-skip-lookup authentication-token-webhook-cache-ttl
  authentication-tolerate-lookup-failure authorization-always-allow-paths authorization-kubeconfig
  authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl bind-address cert-dir cidr-allocator-type
  client-ca-file cloud-config cloud-provider cluster-cidr cluster-name concurrent-node-status-updates concurrent-node-syncs
  concurrent-service-syncs configure-cloud-routes contention-profiling controller-start-interval controllers disable-http2-serving
  enable-leader-migration external-cloud-volume-plugin feature-gates http2-max-streams-per-connection kube-api-burst kube-api-content-type
  kube-api-qps kubeconfig leader-elect leader-elect-lease-duration leader-elect-renew-deadline leader-elect-resource-lock
  leader-elect-resource-name leader-elect-resource-namespace leader-elect-retry-period leader-migration-config log-flush-frequency
  log-text-info-buffer-size log-text-split-stream logging-format master min-resync-period node-cidr-mask-size node-cidr-mask-size-ipv4
  node-cidr-mask-size-ipv6 node-monitor-period node-status-update-frequency permit-address-sharing permit-port-sharing profiling
  requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers
  requestheader-uid-headers requestheader-username-headers route-reconciliation-period secure-port service-cluster-ip-range tls-cert-file
  tls-cipher-suites tls-curve-preferences tls-min-version tls-private-key-file tls-sni-cert-key use-service-account-credentials v version
  vmodule webhook-bind-address webhook-cert-dir webhook-disable-http2-serving webhook-secure-port webhook-tls-cert-file
  webhook-tls-cipher-suites webhook-tls-curve-preferences webhook-tls-min-version webhook-tls-private-key-file webhook-tls-sni-cert-key
  webhooks`
/** What upstream's other managers take as well, and this one leaves out. */
const more = [
  'allow-metric-labels', 'allow-metric-labels-manifest', 'disabled-metrics', 'emulated-version', 'log-json-info-buffer-size', 'log-json-split-stream',
  'min-compatibility-version', 'show-hidden-metrics-for-version',
]
const flags = command.flags as readonly Flag[]
const parse = (...words: string[]) => parseFlags(flags, words).values
const folder = mkdtempSync(join(tmpdir(), 'cloud-controller-manager-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('every flag of upstream is honoured, accepted or refused with a reason', () => {
  expect(flags.map(({ name }) => name).toSorted()).toEqual([...upstream.trim().split(/\s+/), ...more].toSorted())
  expect(flags.filter(({ effect, reason }) => effect !== undefined && (reason ?? '') === '')).toEqual([])
})

describe('options', () => {
  test('flags reach the controllers they are for', () => {
    const { options, more: [ipam] } = cloudOptions(parse(
      '--concurrent-service-syncs=4', '--concurrent-node-syncs=2', '--controllers=*,-node-route-controller', '--cluster-cidr=10.1.0.0/16', '--cluster-name=ship',
      '--configure-cloud-routes=false', '--node-monitor-period=7s', '--feature-gates=A=true,B=False',
    ))
    expect(ipam?.name).toBe('node-ipam-controller')
    expect(options).toMatchObject({
      clusterName: 'ship', clusterCIDRs: ['10.1.0.0/16'], configureRoutes: false, nodeMonitorPeriodMs: 7000, nodeStatusWorkers: 2, featureGates: { A: true, B: false },
      tuning: { 'cloud-node-controller': { workers: 2 }, 'service-lb-controller': { workers: 4 } }, controllers: ['*', '-node-route-controller'],
    })
  })
  test.for<[string, string]>([
    ['--controllers=nonsense', '"nonsense" is not in the list of known controllers'],
    ['--cidr-allocator-type=CloudAllocator', 'needs a cloud'],
    ['--concurrent-service-syncs=0', 'concurrent-service-syncs must be greater than 0, got 0'],
  ])('%s is refused', ([word, message]) => {
    expect(() => cloudOptions(parse(word))).toThrow(message)
  })
})

describe('clouds', () => {
  const file = (text: string): string => {
    const path = join(folder, 'cloud.yaml')
    writeFileSync(path, text)
    return path
  }
  test.for<[string, string | undefined, string]>([
    ['', undefined, '--cloud-provider cannot be empty'],
    ['aws', undefined, 'unknown cloud provider "aws": use local, or external-grpc'],
    ['external-grpc', undefined, 'endpoint: Required value'],
    ['external-grpc', 'endpoint: 127.0.0.1:1\nend: 1', 'end: unknown field; known: endpoint, tls'],
    ['external-grpc', 'kind: Other\nendpoint: 127.0.0.1:1', 'kind: "Other" is not ExternalCloudConfiguration'],
    ['local', 'nonsense: 1', 'nonsense'],
  ])('%s with %j is refused', ([name, text, message]) => {
    expect(() => cloudNamed(name, text === undefined ? '' : file(text))).toThrow(message)
  })
  test('a file that is not there is named', () => {
    expect(() => cloudNamed('local', join(folder, 'none.yaml'))).toThrow('cannot read the cloud configuration')
  })
})
