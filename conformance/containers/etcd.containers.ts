/** The store's suite on an etcd in a container, reached over mutual TLS. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GenericContainer, type StartedTestContainer, Wait, getContainerRuntimeClient } from 'testcontainers'
import { afterAll, beforeAll } from 'vitest'
import { createAuthority, issueCertificate } from '../../src/apiserver/auth/certificates.ts'
import { openEtcdStore } from '../../src/apiserver/storage/etcd/etcd.ts'
import { storeSuite } from '../../src/apiserver/storage/suite.ts'
import { systemClock } from '../../src/base/real/env.ts'
import { imageArchitecture, makeImage } from '../../src/cluster/images/index.ts'
import { upstreamDir } from '../cluster/kubectl.ts'

const validity = { now: new Date(), days: 2 }
const authority = createAuthority('etcd-ca', validity.now)
const client = issueCertificate(authority, { commonName: 'kube-apiserver-etcd-client', usages: ['client'], ...validity })

const folder = mkdtempSync(join(tmpdir(), 'coxswain-etcd-'))
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

let etcd: StartedTestContainer | undefined
let endpoint = ''

beforeAll(async () => {
  const archive = file('etcd.tar', makeImage({
    names: ['etcd:test'], architecture: imageArchitecture(), entrypoint: ['/etcd'], exposedPorts: ['2379/tcp'],
    files: [{ name: 'etcd', content: readFileSync(join(upstreamDir, 'etcd')), mode: 0o755 }, { name: 'tmp', mode: 0o1777 }, { name: 'pki' }],
  }))
  execFileSync('docker', ['load', '-qi', archive])
  const { host } = (await getContainerRuntimeClient()).info.containerRuntime
  const names = isIP(host) === 0 ? { dnsNames: [host], ipAddresses: ['127.0.0.1'] } : { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', host] }
  const server = issueCertificate(authority, { commonName: 'etcd', ...names, usages: ['server', 'client'], ...validity })
  etcd = await new GenericContainer('etcd:test')
    .withCopyContentToContainer([['ca.crt', authority.cert], ['server.crt', server.cert], ['server.key', server.key]].map(([file, content]) => ({ content: content!, target: `/pki/${file}` })))
    .withCommand([
      '--data-dir', '/data', '--listen-client-urls', 'https://0.0.0.0:2379', '--advertise-client-urls', `https://${host}:2379`,
      '--client-cert-auth', '--trusted-ca-file', '/pki/ca.crt', '--cert-file', '/pki/server.crt', '--key-file', '/pki/server.key',
    ])
    .withExposedPorts(2379)
    .withWaitStrategy(Wait.forLogMessage(/serving client traffic securely/))
    .start()
  endpoint = `https://${etcd.getHost()}:${etcd.getMappedPort(2379)}`
})
afterAll(async () => {
  await etcd?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const files = { caFile: file('ca.crt', authority.cert), certFile: file('client.crt', client.cert), keyFile: file('client.key', client.key) }
let tests = 0
storeSuite({
  name: 'etcd in a container, over mutual TLS',
  leaseSlackMs: 2500,
  open: async () => openEtcdStore({ endpoints: [endpoint], clock: systemClock, prefix: `/test-${++tests}`, ...files }),
  passTime: (ms) => systemClock.sleep(ms),
})
