import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createManualEnv } from '../../../client/testing/manual-env.ts'
import type { HostFiles } from '../../host/contract.ts'
import { createTestHost } from '../../testing/host.ts'
import { type IscsiDisk, deviceLink, diskFromPath, diskOf, globalPath, ifaceSettings, transportOf } from './disk.ts'
import { type IscsiRequest, createIscsiVolumes } from './volume.ts'

const iqn = 'iqn.2003-01.io.k8s:e2e'
const source = { targetPortal: '10.0.0.1', iqn, lun: 2 }
const shown = 'iface.iscsi_ifacename = default\niface.net_ifacename = <empty>\niface.transport_name = tcp\n'

describe('names', () => {
  test('ports, interfaces and places', () => {
    const own = diskOf('v', { ...source, portals: ['10.0.0.2:3333'], initiatorName: 'iqn.me', iscsiInterface: 'eth' })
    expect(own).toMatchObject({ Portals: ['10.0.0.1:3260', '10.0.0.2:3333'], InitIface: 'eth', Iface: '10.0.0.1:3260:v', Lun: '2' })
    expect(globalPath('/r', diskOf('v', source), false)).toBe(`/r/plugins/kubernetes.io/iscsi/iface-default/10.0.0.1:3260-${iqn}-lun-2`)
    expect(diskFromPath(globalPath('/r', diskOf('v', source), true))).toMatchObject({ Portals: ['10.0.0.1:3260'], Iqn: iqn, Lun: '2', Iface: 'default' })
  })
  test('what iscsiadm shows of an interface', () => {
    expect([transportOf(shown), transportOf('iface.transport_name = <empty>\n'), transportOf('')]).toEqual(['tcp', 'tcp', ''])
    expect(ifaceSettings(shown, 'iqn.me')).toEqual([['iface.initiatorname', 'iqn.me'], ['iface.transport_name', 'tcp']])
    expect(() => ifaceSettings('iface.a = b c\n', 'x')).toThrow('error: invalid iface setting: [iface.a = b c]')
  })
  test('links to devices, of other transports by their end', () => {
    const disk = diskOf('v', source)
    expect(deviceLink(disk, '[fd00::1]:3260', 'tcp').shown).toBe(`ip-fd00::1:3260-iscsi-${iqn}-lun-2`)
    expect(deviceLink(disk, '10.0.0.1:3260', 'bnx2i').matches(`pci-0000:04:00.0-ip-10.0.0.1:3260-iscsi-${iqn}-lun-2`)).toBe(true)
  })
})

describe('volumes of a target', () => {
  let dir: string
  const env = createManualEnv()
  const commands: string[] = []
  /** Ends of commands, by what they begin with. */
  let fails: Record<string, { code: number; output: string }>
  const host = createTestHost()
  /** The kernel's folders are the test's own. */
  const own = (path: unknown) => (typeof path === 'string' && /^\/(sys|dev)\//.test(path) ? `${dir}${path}` : path)
  let files: HostFiles

  function showDevice(portal: string, lun: string, device: string): void {
    const session = `${dir}/sys/class/iscsi_host/host7/device/session1`
    const connection = `${session}/connection1:0/iscsi_connection/connection1:0`
    mkdirSync(`${session}/iscsi_session/session1`, { recursive: true })
    mkdirSync(connection, { recursive: true })
    mkdirSync(`${session}/target7:0:0/7:0:0:${lun}/block/${device}`, { recursive: true })
    mkdirSync(`${dir}/sys/class/scsi_host/host7`, { recursive: true })
    mkdirSync(`${dir}/sys/block/${device}/device`, { recursive: true })
    mkdirSync(`${dir}/dev/disk/by-path`, { recursive: true })
    writeFileSync(`${session}/iscsi_session/session1/targetname`, `${iqn}\n`)
    for (const name of ['address', 'persistent_address']) writeFileSync(`${connection}/${name}`, `${portal.split(':')[0]}\n`)
    for (const name of ['port', 'persistent_port']) writeFileSync(`${connection}/${name}`, '3260\n')
    writeFileSync(`${dir}/sys/block/${device}/device/delete`, '')
    writeFileSync(`${dir}/dev/${device}`, '')
    symlinkSync(`../../${device}`, `${dir}/dev/disk/by-path/ip-${portal}-iscsi-${iqn}-lun-${lun}`)
  }
  const create = () => createIscsiVolumes({
    ...env, files, mounts: host.mounts, rootDir: `${dir}/root`,
    async run(command, args) {
      const line = [command, ...args].join(' ')
      commands.push(line)
      const failure = Object.entries(fails).find(([start]) => line.startsWith(start))?.[1]
      if (failure !== undefined) return { ...failure, error: `exit status ${failure.code}` }
      if (line.endsWith('--login')) showDevice('10.0.0.1:3260', '2', 'sdb')
      return { code: 0, output: line.endsWith('-o show') ? shown : '', error: undefined }
    },
  })
  const request = (uid: string, disk: IscsiDisk = diskOf('v', source), more: Partial<IscsiRequest> = {}): IscsiRequest =>
    ({ disk, chap: { discovery: false, session: false, secret: {} }, podDir: `${dir}/root/pods/${uid}`, fsType: undefined, readOnly: false, mountOptions: [], ...more })
  const target = (uid: string) => `${dir}/root/pods/${uid}/volumes/kubernetes.io~iscsi/v`
  const forget = async (uid: string) => {
    await host.mounts.unmount(target(uid))
    rmSync(`${dir}/root/pods/${uid}`, { recursive: true })
  }
  const discovery = 'iscsiadm -m discoverydb -t sendtargets -p 10.0.0.1:3260 -I default'
  const node = `iscsiadm -m node -p 10.0.0.1:3260 -T ${iqn}`

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'iscsi-'))
    commands.length = 0
    fails = {}
    host.mounted.clear()
    files = new Proxy(host.files, {
      get(inner, name) {
        const call = Reflect.get(inner, name) as (...args: unknown[]) => Promise<unknown>
        return async (...args: unknown[]) => {
          const answer = await call(...args.map(own))
          return name === 'realPath' && typeof answer === 'string' ? answer.replace(`${dir}/dev`, '/dev') : answer
        }
      },
    })
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  test('one login and one mount serve two pods; the last that goes logs out, also after the kubelet was started again', async () => {
    const volumes = create()
    const global = globalPath(`${dir}/root`, diskOf('v', source), false)
    expect([await volumes.mount(request('u1'), target('u1')), await volumes.mount(request('u2'), target('u2')), await volumes.mount(request('u2'), target('u2'))]).toEqual([true, true, false])
    expect(commands).toEqual([
      'iscsiadm -m iface -I default -o show', `${discovery} -o new`, `${discovery} --discover`, `${node} -I default -o update -n node.session.scan -v manual`,
      `${node} -I default --login`, `${node} -o update -n node.startup -v manual`,
    ])
    expect(readFileSync(`${dir}/sys/class/scsi_host/host7/scan`, 'utf8')).toBe('0 0 2')
    expect(host.mounted.get(global)).toBe(`/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-${iqn}-lun-2`)
    expect([host.mounted.has(target('u1')), host.mounted.has(target('u2'))]).toEqual([true, true])
    commands.length = 0
    await forget('u1')
    const again = create()
    await again.release()
    expect([commands, host.mounted.has(global)]).toEqual([[], true])
    await forget('u2')
    await again.release()
    expect(commands).toEqual([`${node} --logout -I default`, `${node} -o delete -I default`])
    expect([host.mounted.has(global), readFileSync(`${dir}/sys/block/sdb/device/delete`, 'utf8')]).toEqual([false, '1'])
    commands.length = 0
    await again.release()
    expect(commands).toEqual([])
  })

  test('a block device is a link, and keeps the session of its target', async () => {
    const volumes = create()
    const link = `${dir}/root/pods/u2/volumeDevices/kubernetes.io~iscsi/w`
    await volumes.mount(request('u1'), target('u1'))
    symlinkSync('../../sdb', `${dir}/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-${iqn}-lun-3`)
    expect(await volumes.map(request('u2', diskOf('w', { ...source, lun: 3 })), link)).toBe(link)
    expect(await host.files.readLink(link)).toBe(`${dir}/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-${iqn}-lun-3`)
    commands.length = 0
    await forget('u1')
    await volumes.release()
    expect(commands).toEqual([])
  })

  test('secrets go to iscsiadm, an initiator of its own gets its interface', async () => {
    const disk = diskOf('v', { ...source, initiatorName: 'iqn.me' })
    await create().mount(request('u1', disk, { chap: { discovery: true, session: true, secret: { 'discovery.sendtargets.auth.username': 'du', 'node.session.auth.password': 'sp', other: 'x' } } }), target('u1'))
    const updates = commands.filter((line) => line.includes('-o update') || line.endsWith('-o new')).map((line) => line.slice(line.indexOf('-I')))
    const iface = '-I 10.0.0.1:3260:v'
    expect(updates.slice(0, 7)).toEqual([
      `${iface} -o new`, `${iface} -o update -n iface.initiatorname -v iqn.me`, `${iface} -o update -n iface.transport_name -v tcp`, `${iface} -o new`,
      `${iface} -o update -n discovery.sendtargets.auth.authmethod -v CHAP`, `${iface} -o update -n discovery.sendtargets.auth.username -v du`, `${iface} -o update -n node.session.scan -v manual`,
    ])
    expect(updates.slice(7, 9)).toEqual([`${iface} -o update -n node.session.auth.authmethod -v CHAP`, `${iface} -o update -n node.session.auth.password -v sp`])
  })

  test.each([
    ['iscsiadm -m iface', { code: 127, output: '' }, 'exit status 127', undefined],
    [`${discovery} --discover`, { code: 4, output: 'no route' }, 'failed to get any path for iscsi disk, last err seen:\niscsi: failed to sendtargets to portal 10.0.0.1:3260 output: no route, err exit status 4', `${discovery} -o delete`],
    [`${node} -I default --login`, { code: 24, output: 'denied' }, 'failed to get any path for iscsi disk, last err seen:\niscsi: failed to attach disk: Error: denied (exit status 24)', `${node} -I default -o delete`],
  ])('%s that fails is told of in upstream\'s words', async (start, failure, text, undone) => {
    fails = { [start]: failure }
    await expect(create().mount(request('u1'), target('u1'))).rejects.toMatchObject({ step: 'MountVolume.WaitForAttach', message: text })
    if (undone !== undefined) expect(commands).toContain(undone)
    expect(host.mounted.size).toBe(0)
  })
})
