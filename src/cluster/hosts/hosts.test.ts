import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hierarchies } from './cgroups.ts'
import { mountsBelow } from './containerd.ts'
import { ensureHosts, startContainerds, stopHosts } from './hosts.ts'
import { listNetns, routePods, takenRanges } from './network.ts'
import { type HostsPlan, planHosts } from './plan-hosts.ts'
import { programPid } from './processes.ts'
import { renderCniConfig, renderContainerdConfig, runcRoot } from './render.ts'
import { run, runInNetns, tryRun } from './run.ts'

describe('configuration texts', () => {
  const plan = planHosts({ name: 'texts', nodes: 1, dataDir: '/d', runDir: '/r' })
  it('gives a node a containerd of its own', () => {
    const text = renderContainerdConfig(plan.nodes[0]!, { pauseImage: 'p:1', snapshotter: 'native' })
    expect(text).toContain('root = "/d/nodes/node-1/containerd"')
    expect(text).toContain('address = "/r/node-1/containerd.sock"')
    expect(text).toContain('snapshotter = "native"')
  })
  it('gives pods addresses of the node\'s ranges', () => {
    const cni = JSON.parse(renderCniConfig(plan.nodes[0]!, ['10.9.3.0/24', 'fd00:1::/64'])) as { plugins: { ipam?: { ranges: unknown; routes: unknown } }[] }
    expect(cni.plugins[0]!.ipam).toMatchObject({ ranges: [[{ subnet: '10.9.3.0/24' }], [{ subnet: 'fd00:1::/64' }]], routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] })
  })
})

/** Why hosts cannot be made here; undefined when they can. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  return ['/usr/bin/containerd', '/usr/sbin/nft', '/usr/bin/nsenter', '/bin/busybox'].find((file) => !existsSync(file))
}

describe.skipIf(whyNot() !== undefined)(`node hosts in the kernel${whyNot() === undefined ? '' : ` (skipped: ${whyNot()})`}`, () => {
  const dir = mkdtempSync(join(tmpdir(), 'cx-hosts-'))
  let a: HostsPlan
  let b: HostsPlan
  const leftovers: Record<string, () => string[]> = {
    namespaces: () => listNetns().filter((name) => [a, b].some((plan) => name.startsWith(`coxswain-${plan.name}-`))),
    links: () => [a, b].flatMap((plan) => [plan.bridge.name, ...plan.nodes.map((node) => node.veth)]).filter((name) => existsSync(`/sys/class/net/${name}`)),
    cgroups: () => hierarchies().flatMap((h) => [a, b].map((plan) => join(h.dir, plan.cgroup))).filter((path) => existsSync(path)),
    mounts: () => mountsBelow([dir], readFileSync('/proc/self/mounts', 'utf8')),
  }

  beforeAll(async () => {
    const make = async (suffix: string, dualStack = false) => planHosts({
      name: `t${process.pid}${suffix}`, nodes: 2, dataDir: join(dir, suffix, 'data'), runDir: join(dir, suffix, 'run'), takenRanges: await takenRanges(), dualStack,
    })
    a = await make('a')
    await ensureHosts(a)
    b = await make('b', true)
    await ensureHosts(b)
    await startContainerds(a)
  }, 120_000)
  afterAll(async () => {
    for (const plan of [a, b]) await stopHosts(plan, { purge: true })
    rmSync(dir, { recursive: true, force: true })
  }, 120_000)

  it('lets nodes reach each other and the machine, in each of two clusters', async () => {
    for (const plan of [a, b]) {
      const [first, second] = plan.nodes
      await runInNetns(first!.netns, `/bin/busybox ping -c 1 -W 5 ${second!.address}; /bin/busybox ping -c 1 -W 5 ${plan.bridge.address}`)
      await run('/bin/busybox', ['ping', '-c', '1', '-W', '5', second!.address])
    }
    expect(a.slot).not.toBe(b.slot)
  })

  it('leads pods of both families to each other, to nodes and to the machine', async () => {
    const pods = b.nodes.map((node) => ({ node, netns: `${node.netns}-pod`, v4: b.podRange.replace(/0\.0\/16$/, `${node.index}.2`), v6: b.ipv6!.podRange.replace('100::/56', `10${node.index}::2`) }))
    const plugin = (command: string, { node, netns }: typeof pods[number]) => {
      const ranges = [b.podRange.replace(/0\.0\/16$/, `${node.index}.0/24`), b.ipv6!.podRange.replace('100::/56', `10${node.index}::/64`)]
      const { cniVersion, name, plugins } = JSON.parse(renderCniConfig({ cni: { ipamDir: join(dir, node.netns) } }, ranges)) as { cniVersion: string; name: string; plugins: object[] }
      const config = JSON.stringify({ cniVersion, name, ...plugins[0] })
      return runInNetns(node.netns, `CNI_COMMAND=${command} CNI_CONTAINERID=c CNI_NETNS=/run/netns/${netns} CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni /usr/lib/cni/ptp <<'E'\n${config}\nE\n`).then(() => ranges)
    }
    try {
      for (const pod of pods) {
        await run('ip', ['netns', 'add', pod.netns])
        await routePods(b, pod.node, await plugin('ADD', pod))
      }
      const [first, second] = pods as [typeof pods[number], typeof pods[number]]
      for (const address of [second.v4, second.v6, second.node.address, second.node.address6, b.bridge.address, b.ipv6!.address]) {
        await runInNetns(first.netns, `/bin/busybox ping -c 1 -W 5 ${address}`)
      }
      await run('/bin/busybox', ['ping', '-c', '1', '-W', '5', first.v6])
    } finally {
      for (const pod of pods) {
        await plugin('DEL', pod)
        await run('ip', ['netns', 'delete', pod.netns])
      }
    }
  })

  it('may be asked again, and starts containerd once', async () => {
    const pid = programPid(a, 'containerd-1')
    await ensureHosts(a)
    await startContainerds(a)
    expect(programPid(a, 'containerd-1')).toBe(pid)
  })

  it('runs containers, and leaves nothing when it is forgotten', async () => {
    const socket = a.nodes[0]!.containerd.socket
    await run('ctr', ['--address', socket, '-n', 'k8s.io', 'run', '--runc-root', runcRoot(a.nodes[0]!), '-d', 'coxswain.local/pause:1', 'left-over'])
    expect(await run('ctr', ['--address', socket, '-n', 'k8s.io', 'tasks', 'list'])).toMatch(/left-over.*RUNNING/)
    await stopHosts(a, { purge: true })
    expect(existsSync(join(dir, 'a', 'data'))).toBe(false)
    expect(leftovers['mounts']!()).toEqual([])
    expect(await tryRun('nft', ['list', 'table', 'ip', a.nftTable])).toBeUndefined()
    await stopHosts(b, { purge: true })
    for (const [what, find] of Object.entries(leftovers)) expect(find(), what).toEqual([])
  }, 120_000)
})
