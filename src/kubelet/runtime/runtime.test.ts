import { describe, expect, test } from 'vitest'
import type { ConfigMap, Secret, Service } from '../../api/generated/types/core-v1.ts'
import { container, pod } from '../testing/objects.ts'
import { containerConfig, sandboxConfig } from './config.ts'
import { parseResolvConf, podDns } from './dns.ts'
import { fieldValue, formatMap, resourceValue } from './downward.ts'
import { makeEnvironment, serviceEnvironment } from './environment.ts'
import { expand, expandSubPath } from './expansion.ts'
import { hostNetworkHostsFile, kernelHostname, managedHostsFile, podHostname } from './hosts-file.ts'
import { containerAnnotations, containerHash, readContainerRecord } from './labels.ts'
import { containerResources, cpuQuota, cpuShares, oomScoreAdj, oomTogether, podCgroupResources } from './resources.ts'
import { containerSecurity, verifyNonRoot } from './security.ts'

const settings = { cpuCfsQuota: true, cpuCfsPeriod: 100_000, memoryCapacity: 10_000_000_000 }
const context = { hostIps: ['192.168.0.1'], podIps: ['10.0.0.1', 'fd00::1'], allocatable: { cpu: '4', memory: '8Gi' } }

test('out of memory: a container ends as a whole where cgroups can do that, unless it is not to', () => {
  expect([oomTogether(undefined, 2), oomTogether(true, 2), oomTogether(false, 2), oomTogether(undefined, 1), oomTogether(true, 1), oomTogether(false, undefined)]).toEqual([true, false, true, false, false, false])
  expect(() => oomTogether(false, 1)).toThrow('singleProcessOOMKill must not be explicitly set to false when using cgroup v1')
  const c = container('c')
  expect([true, false].map((together) => containerResources(pod({ containers: [c] }), c, { ...settings, oomTogether: together }).unified)).toEqual([{ 'memory.oom.group': '1' }, undefined])
})

test('swap: by the share of the request, for those that may be slowed down', () => {
  const asking = (request: string | undefined, limit?: string) => container('c', { resources: { requests: request === undefined ? {} : { memory: request }, limits: limit === undefined ? {} : { memory: limit } } })
  const swap = { behavior: 'LimitedSwap', version: 2, swapBytes: 4_000_000_000 } as const
  const max = (c: ReturnType<typeof container>, more = {}, of: object = swap) =>
    containerResources(pod({ containers: [c], ...more }), c, { ...settings, swap: of as typeof swap }).unified?.['memory.swap.max']
  expect([max(asking('1G')), max(asking('1G', '1G')), max(asking(undefined)), max(asking('1G'), { priority: 2_000_000_000 }), max(asking('20G'))]).toEqual(['400000000', '0', '0', '0', '0'])
  expect([max(asking('1G'), {}, { ...swap, behavior: 'NoSwap' }), containerResources(pod(), asking('1G'), settings).unified]).toEqual(['0', undefined])
  expect(containerResources(pod(), asking('1G', '2G'), { ...settings, swap: { ...swap, version: 1 } })).toMatchObject({ memoryLimitInBytes: 2e9, memorySwapLimitInBytes: 2e9 })
})

test('the container hash is upstream\'s', () => {
  expect(containerHash({ name: 'c', image: 'nginx:1<' })).toBe('404665dd')
})

test('annotations are read back', () => {
  const c = container('c', { lifecycle: { preStop: { exec: { command: ['x'] } } } })
  const annotations = containerAnnotations(c, pod({}, { deletionGracePeriodSeconds: 5 }), 3)
  const labels = { 'io.kubernetes.pod.name': 'p', 'io.kubernetes.pod.namespace': 'ns', 'io.kubernetes.pod.uid': 'u1', 'io.kubernetes.container.name': 'c' }
  expect(readContainerRecord({ labels, annotations })).toMatchObject({
    name: 'c', podUid: 'u1', restartCount: 3, deletionGraceSeconds: 5, terminationGraceSeconds: 30, preStop: '{"exec":{"command":["x"]}}', hash: containerHash(c),
  })
  expect(readContainerRecord({ labels: {}, annotations })).toBeUndefined()
})

describe('expansion', () => {
  const env = new Map([['A', '1'], ['E', '']])
  test.each([['$(A)', '1'], ['$$(A)', '$(A)'], ['$(B)', '$(B)'], ['$A', '$A'], ['x$(A', 'x$(A'], ['$', '$'], ['$$', '$'], ['a$$$(A)', 'a$1'], ['$(E)-', '-']])('%s', (text, expected) => {
    expect(expand(text, (name) => env.get(name))).toBe(expected)
  })
  test('a sub path needs all its names', () => {
    expect(expandSubPath('d/$(A)', env)).toBe('d/1')
    expect(() => expandSubPath('$(B)', env)).toThrow('missing value for "B"')
  })
})

describe('environment', () => {
  const maps: Record<string, ConfigMap> = { cm: { metadata: {}, data: { a: '1', 'b-c': '2' } } }
  const secrets: Record<string, Secret> = { s: { metadata: {}, data: { p: Buffer.from('pass').toString('base64') } } }
  const objects = { configMap: async (_: string, name: string) => maps[name], secret: async (_: string, name: string) => secrets[name] }
  const volumeFile = async (volume: string, path: string) => ({ path: `/v/${volume}/${path}`, text: "# comment\n  A='1'\nB='two\nlines' # rest\nC= 'x'\n" })
  const make = async (c: Partial<Parameters<typeof container>[1]>) => Object.fromEntries(await makeEnvironment(pod(), container('c', c), context, [], objects, volumeFile))
  test('sources in order, later ones see earlier ones', async () => {
    expect(await make({
      envFrom: [{ configMapRef: { name: 'cm' }, prefix: 'X_' }, { secretRef: { name: 's' } }, { configMapRef: { name: 'none', optional: true } }],
      env: [
        { name: 'A', value: '$(X_a)-$(p)' }, { name: 'B', value: '$(A)' }, { name: 'K', valueFrom: { secretKeyRef: { name: 's', key: 'p' } } },
        { name: 'O', valueFrom: { configMapKeyRef: { name: 'cm', key: 'zz', optional: true } } },
        { name: 'IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } }, { name: 'L', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
      ],
    })).toEqual({ X_a: '1', 'X_b-c': '2', p: 'pass', A: '1-pass', B: '1-pass', K: 'pass', IPS: '10.0.0.1,fd00::1', L: '8192' })
  })
  test('a variable from a file', async () => {
    const file = (name: string, key: string, optional = false) => ({ name, valueFrom: { fileKeyRef: { volumeName: 'd', path: 'f.env', key, optional } } })
    expect(await make({ env: [file('X', 'A'), file('Y', 'B'), file('Z', 'C', true)] })).toEqual({ X: '1', Y: 'two\nlines' })
    await expect(make({ env: [file('X', 'N')] })).rejects.toThrow('environment variable key "N" not found in file "/v/d/f.env"')
  })
  test('what is missing is said as upstream says it', async () => {
    await expect(make({ envFrom: [{ configMapRef: { name: 'none' } }] })).rejects.toThrow('configmap "none" not found')
    await expect(make({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'zz' } } }] })).rejects.toThrow("couldn't find key zz in Secret ns/s")
  })
  test('services of the namespace and default/kubernetes', () => {
    const service = (name: string, namespace: string, clusterIP: string, ports: object[]): Service => ({ metadata: { name, namespace }, spec: { clusterIP, ports: ports as never } })
    const list = [
      service('web-a', 'ns', '10.1.1.1', [{ port: 80, name: 'http' }, { port: 53, protocol: 'UDP', name: 'dns' }]), service('kubernetes', 'default', '10.1.0.1', [{ port: 443 }]),
      service('headless', 'ns', 'None', [{ port: 1 }]), service('far', 'other', '10.1.1.9', [{ port: 1 }]),
    ]
    const env = Object.fromEntries(serviceEnvironment(list, 'ns', true))
    expect(env).toMatchObject({
      KUBERNETES_SERVICE_HOST: '10.1.0.1', WEB_A_SERVICE_HOST: '10.1.1.1', WEB_A_SERVICE_PORT: '80', WEB_A_SERVICE_PORT_DNS: '53', WEB_A_PORT: 'tcp://10.1.1.1:80',
      WEB_A_PORT_53_UDP: 'udp://10.1.1.1:53', WEB_A_PORT_53_UDP_PROTO: 'udp', WEB_A_PORT_53_UDP_ADDR: '10.1.1.1',
    })
    expect(Object.keys(env).some((name) => /HEADLESS|FAR/.test(name))).toBe(false)
    expect([...serviceEnvironment(list, 'ns', false).keys()].some((name) => name.startsWith('WEB'))).toBe(false)
  })
})

test('downward fields and resources', () => {
  const p = pod({ serviceAccountName: 'sa', containers: [container('c', { resources: { requests: { cpu: '1500m', memory: '100Mi' }, limits: { cpu: '2' } } })] }, { labels: { b: '2', a: 'x"y' } })
  expect(fieldValue({ fieldPath: "metadata.labels['a']" }, p, context)).toBe('x"y')
  expect(fieldValue({ fieldPath: 'metadata.labels' }, p, context)).toBe('a="x\\"y"\nb="2"')
  expect(formatMap(undefined)).toBe('')
  expect(() => fieldValue({ fieldPath: 'spec.hostname' }, p, context)).toThrow('unsupported fieldPath: spec.hostname')
  const value = (resource: string, divisor?: string) => resourceValue({ resource, divisor, containerName: 'c' }, p, undefined, context)
  expect([value('requests.cpu'), value('requests.cpu', '1m'), value('limits.cpu'), value('limits.memory', '1Gi'), value('requests.memory', '1Mi')]).toEqual(['2', '1500', '2', '8', '100'])
})

describe('DNS', () => {
  const dns = { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local', hostResolvConf: 'nameserver 8.8.8.8\nsearch a.example. b\noptions ndots:2 edns0\n' }
  test('by policy', () => {
    expect(podDns(pod(), dns).config).toEqual({ servers: ['10.96.0.10'], searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'a.example', 'b'], options: ['ndots:5'] })
    expect(podDns(pod({ hostNetwork: true }), dns).config).toEqual({ servers: ['8.8.8.8'], searches: ['a.example', 'b'], options: ['ndots:2', 'edns0'] })
    expect(podDns(pod({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }), dns).config.servers).toEqual(['10.96.0.10'])
    const own = { nameservers: ['1.1.1.1'], searches: ['x'], options: [{ name: 'ndots', value: '3' }, { name: 'debug' }] }
    expect(podDns(pod({ dnsPolicy: 'None', dnsConfig: own }), dns).config).toEqual({ servers: ['1.1.1.1'], searches: ['x'], options: ['ndots:3', 'debug'] })
  })
  test('without cluster DNS the host\'s is taken, and said', () => {
    expect(podDns(pod(), { ...dns, clusterDns: [] })).toMatchObject({ config: { servers: ['8.8.8.8'] }, missingClusterDns: true })
  })
  test('too many', () => {
    const { config, warnings } = podDns(pod({ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] } }), dns)
    expect(config.servers).toHaveLength(3)
    expect(warnings[0]).toContain('the applied nameserver line is: 1.1.1.1 1.1.1.2 1.1.1.3')
    expect(parseResolvConf('# c\nsearch x\nsearch y .\n').searches).toEqual(['y'])
  })
})

test('host names and hosts files', () => {
  const named = pod({ hostname: 'web', subdomain: 'sub', setHostnameAsFQDN: true })
  expect(podHostname(named, 'cluster.local')).toEqual({ hostname: 'web', domain: 'sub.ns.svc.cluster.local' })
  expect(kernelHostname(named, podHostname(named, 'cluster.local'))).toBe('web.sub.ns.svc.cluster.local')
  expect(podHostname(pod({}, { name: `${'a'.repeat(62)}-b` }), 'x').hostname).toBe('a'.repeat(62))
  expect(() => podHostname(pod({ hostname: 'A_b' }), 'x')).toThrow('is not a valid DNS label')
  const file = managedHostsFile(['10.0.0.1'], { hostname: 'web', domain: 'd' }, [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }])
  expect(file).toContain('# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n')
  expect(file.endsWith('10.0.0.1\tweb.d\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n')).toBe(true)
  expect(hostNetworkHostsFile('x\n', [])).toBe('# Kubernetes-managed hosts file (host network).\nx\n')
})

describe('resources', () => {
  test.each([[0, 2], [1, 2], [100, 102], [1000, 1024], [1_000_000, 262144]])('%d milli are %d shares', (milli, shares) => expect(cpuShares(milli)).toBe(shares))
  test.each([[0, 0], [5, 1000], [500, 50_000]])('%d milli are a quota of %d', (milli, quota) => expect(cpuQuota(milli, 100_000)).toBe(quota))
  test('of a container and its pod', () => {
    const p = pod({ containers: [container('a', { resources: { requests: { cpu: '250m', memory: '1G' }, limits: { memory: '2G' } } }), container('b', { resources: { limits: { cpu: '1', memory: '1G' } } })] })
    expect(containerResources(p, p.spec!.containers[0]!, settings)).toMatchObject({ cpuShares: 256, cpuQuota: 0, memoryLimitInBytes: 2e9, oomScoreAdj: 900 })
    expect(containerResources(p, p.spec!.containers[1]!, settings)).toMatchObject({ cpuShares: 1024, cpuQuota: 100_000 })
    expect(podCgroupResources(p, settings)).toEqual({ cpuShares: 256, memoryLimit: 3e9 })
    expect(podCgroupResources(pod(), settings)).toEqual({ cpuShares: 2 })
    expect(oomScoreAdj(pod(), container('c'), 1)).toBe(1000)
  })
})

test('security contexts', () => {
  const p = pod({
    securityContext: { runAsUser: 1000, runAsNonRoot: true, fsGroup: 5, supplementalGroups: [6], seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container('c', { securityContext: { runAsUser: 0, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, procMount: 'Unmasked' } }), container('d')],
  })
  const [c, d] = p.spec!.containers as [ReturnType<typeof container>, ReturnType<typeof container>]
  expect(() => verifyNonRoot(p, c, {})).toThrow('container\'s runAsUser breaks non-root policy (pod: "p_ns(u1)", container: c)')
  expect(() => verifyNonRoot(p, d, { uid: 0 })).not.toThrow()
  const bare = pod({ securityContext: { runAsNonRoot: true } })
  expect(() => verifyNonRoot(bare, d, { uid: 0 })).toThrow('image will run as root')
  expect(() => verifyNonRoot(bare, d, { username: 'bob' })).toThrow('non-numeric user (bob)')
  const options = { seccompRoot: '/s', seccompDefault: false }
  expect(containerSecurity(p, c, {}, options)).toMatchObject({
    runAsUser: { value: 0 }, noNewPrivs: true, capabilities: { addCapabilities: [], dropCapabilities: ['ALL'] }, supplementalGroups: [5, 6],
    seccomp: { profileType: 'RuntimeDefault' }, maskedPaths: [], readonlyPaths: [],
  })
  expect(containerSecurity(pod(), d, { uid: 7 }, options)).toMatchObject({ runAsUser: { value: 7 }, seccomp: { profileType: 'Unconfined' }, noNewPrivs: false })
})

test('sandbox and container configurations', () => {
  const p = pod({
    shareProcessNamespace: true, securityContext: { sysctls: [{ name: 'kernel/shm_rmid_forced', value: '1' }, { name: 'net.ipv4.conf.eth0/1.x', value: '2' }] },
    containers: [container('c', { command: ['$(A)'], ports: [{ containerPort: 80, hostPort: 8080 }] })],
  }, { labels: { app: 'x' } })
  const dns = { servers: [], searches: [], options: [] }
  expect(sandboxConfig({ pod: p, attempt: 2, hostname: 'p', dns, podLogsDir: '/logs', cgroupParent: '/cg', resources: settings })).toMatchObject({
    metadata: { name: 'p', namespace: 'ns', uid: 'u1', attempt: 2 }, hostname: 'p', logDirectory: '/logs/ns_p_u1', labels: { app: 'x', 'io.kubernetes.pod.uid': 'u1' },
    portMappings: [{ protocol: 'TCP', containerPort: 80, hostPort: 8080 }],
    linux: { cgroupParent: '/cg', sysctls: { 'kernel.shm_rmid_forced': '1', 'net.ipv4.conf.eth0/1.x': '2' }, securityContext: { namespaceOptions: { network: 'POD', pid: 'POD', ipc: 'POD' } } },
  })
  const config = containerConfig({
    pod: p, container: p.spec!.containers[0]!, restartCount: 1, imageRef: 'sha256:x', imageUser: {}, env: new Map([['A', 'run']]), mounts: [], resources: settings,
    security: { seccompRoot: '', seccompDefault: true },
  })
  expect(config).toMatchObject({ metadata: { name: 'c', attempt: 1 }, command: ['run'], logPath: 'c/1.log', image: { image: 'sha256:x', userSpecifiedImage: 'c:1' } })
})
