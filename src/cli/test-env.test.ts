/** The programs as envtest (controller-runtime) starts them: its flags, its certificates, its questions after their health. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createAuthority, generateKeys, issueCertificate } from '../apiserver/auth/certificates.ts'
import { namespaces, nodes } from '../api/generated/resources.ts'
import { systemClock } from '../base/real/env.ts'
import { parseYaml } from '../api/codec/yaml.ts'
import { createHttpClient } from '../client/http/transport.ts'
import { freePort } from '../client/testing/free-port.ts'
import { parseKubeconfig } from '../client/kubeconfig.ts'
import { kubeconfigText } from '../cluster/pki/kubeconfig.ts'

const dir = mkdtempSync(join(tmpdir(), 'test-env-'))
const running: ChildProcess[] = []
afterAll(async () => {
  await Promise.all(running.map((child) => new Promise((done) => {
    child.once('exit', done)
    child.kill('SIGTERM')
  })))
  rmSync(dir, { recursive: true, force: true })
})

async function until<T>(ask: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + 20_000; ;) {
    try {
      return await ask()
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((done) => setTimeout(done, 50))
    }
  }
}

test('an API server with controllers and nodes in envtest\'s place', async () => {
  const main = resolve(import.meta.dirname, 'main.ts')
  const assets = execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'test-env', 'setup', '--dir', join(dir, 'assets'), '--controllers', '--nodes', '1'], { encoding: 'utf8' }).trim()
  const help = execFileSync(join(assets, 'kube-apiserver'), ['--help'], { encoding: 'utf8' })
  expect(help).toContain('--service-account-signing-key-file')
  expect(help).not.toContain('--insecure-port')
  const [etcdPort, port] = [await freePort(), await freePort()]
  const now = new Date()
  const [serving, clients] = [createAuthority('envtest-environment', now), createAuthority('envtest-clients', now)]
  const server = issueCertificate(serving, { commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], usages: ['server'], now, days: 1 })
  const admin = issueCertificate(clients, { commonName: 'default', organizations: ['system:masters'], usages: ['client'], now, days: 1 })
  const signer = generateKeys('ec')
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text)
    return join(dir, name)
  }
  file('apiserver.crt', server.cert)
  file('apiserver.key', server.key)
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const start = (name: string, flags: readonly string[]): void => void running.push(spawn(join(assets, name), flags, { stdio: ['ignore', 'ignore', 'inherit'] }))
  start('etcd', ['--listen-peer-urls=http://localhost:0', '--data-dir=' + dir, `--advertise-client-urls=${etcdUrl}`, `--listen-client-urls=${etcdUrl}`, '--unsafe-no-fsync=true'])
  start('kube-apiserver', [
    '--advertise-address=127.0.0.1', '--allow-privileged=true', '--authorization-mode=RBAC', '--bind-address=127.0.0.1', `--cert-dir=${dir}`,
    `--client-ca-file=${file('client-cert-auth-ca.crt', clients.cert)}`, '--disable-admission-plugins=ServiceAccount', `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`, `--service-account-issuer=https://127.0.0.1:${port}/`, `--service-account-key-file=${file('sa-signer.crt', signer.publicKey)}`,
    `--service-account-signing-key-file=${file('sa-signer.key', signer.privateKey)}`, '--service-cluster-ip-range=10.0.0.0/24',
  ])
  expect(await until(async () => (await fetch(`${etcdUrl}/health`)).json())).toMatchObject({ health: 'true' })
  const client = await createHttpClient(parseKubeconfig(parseYaml(kubeconfigText({
    clusterName: 'envtest', server: `https://127.0.0.1:${port}`, caCert: serving.cert, user: 'default', credentials: admin,
  }))), { clock: systemClock })
  expect(await until(() => client.raw('GET', '/readyz'))).toBe('ok')
  expect((await client.list(namespaces)).items.map(({ metadata }) => metadata.name)).toContain('default')
  await until(async () => expect((await client.list(nodes)).items).toHaveLength(1))
  await client.close()
})
