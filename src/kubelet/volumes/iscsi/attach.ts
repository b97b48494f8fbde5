/** Logs in to targets and out of them with iscsiadm(8). Upstream: pkg/volume/iscsi/iscsi_util.go. */
import type { Clock, Logger } from '../../../base/env.ts'
import type { CommandResult, HostFiles, RunCommand } from '../../host/contract.ts'
import { type Chap, type IscsiDisk, deviceLink, ifaceSettings, transportOf } from './disk.ts'
import { devicesOfLun, multipathOf, portalHosts } from './sysfs.ts'

export interface IscsiEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly files: HostFiles
  readonly run: RunCommand
}

const leastPaths = 2
const leastAttempts = 2
const mostAttempts = 5
const deviceTries = 30
const multipathTries = 10
const sessionExists = 15
/** No such session; no such record. */
const harmless: ReadonlySet<number> = new Set([2, 21])
const keys = ['username', 'password', 'username_in', 'password_in']

const failed = ({ error }: CommandResult): boolean => error !== undefined
const check = (result: CommandResult, text: (output: string, error: string) => string): void => {
  if (result.error !== undefined) throw new Error(text(result.output, result.error))
}

/** @returns the device of the disk ("/dev/disk/by-path/…", "/dev/dm-1"). Rejects with upstream's text when no portal shows one. */
export async function attach(env: IscsiEnv, disk: IscsiDisk, chap: Chap): Promise<string> {
  const admin = (...words: string[]) => env.run('iscsiadm', words)
  const shown = await admin('-m', 'iface', '-I', disk.InitIface, '-o', 'show')
  check(shown, (_, error) => error)
  const transport = transportOf(shown.output)
  if (disk.InitiatorName !== '') await cloneIface(env, disk, shown.output)
  const paths = new Map<string, string>()
  let last = ''
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    for (const portal of disk.Portals) {
      if (paths.has(portal)) continue
      try {
        const path = await attachPortal(env, disk, chap, portal, transport)
        if (path !== undefined) paths.set(portal, path)
      } catch (error) {
        last = (error as Error).message
      }
    }
    if (paths.size === 0) {
      await admin('-m', 'iface', '-I', disk.Iface, '-o', 'delete')
      throw new Error(`failed to get any path for iscsi disk, last err seen:\n${last === '' ? '<nil>' : last}`)
    }
    if (paths.size === disk.Portals.length || (paths.size >= leastPaths && attempt >= leastAttempts)) break
  }
  if (last !== '') env.log.warn('a portal of an iSCSI volume did not answer', { volume: disk.VolName, error: last })
  const all = [...paths.values()]
  const tries = disk.Portals.length > 1 ? multipathTries : 1
  const multipath = await retried(env, tries, async () => {
    for (const path of all) {
      const found = await multipathOf(env.files, path)
      if (found !== undefined) return found
    }
    return undefined
  })
  return multipath ?? all[0]!
}

async function attachPortal(env: IscsiEnv, disk: IscsiDisk, chap: Chap, portal: string, transport: string): Promise<string | undefined> {
  const host = (await portalHosts(env.files, disk.Iqn)).get(portal) ?? await login(env, disk, chap, portal)
  if (host === undefined) return undefined
  // Only this unit: the kernel is not to know of others, which may go without its being told.
  await env.files.write(`/sys/class/scsi_host/host${host}/scan`, `0 0 ${disk.Lun}`)
  if (transport === '') throw new Error(`could not parse iface file for ${disk.Iface}`)
  const folder = '/dev/disk/by-path'
  const link = deviceLink(disk, portal, transport)
  const found = await retried(env, deviceTries, async () => (await env.files.list(folder)).find((name) => link.matches(name)))
  if (found === undefined) throw new Error(`Timed out waiting for device at path ${folder}/${link.shown} after ${deviceTries}s`)
  return `${folder}/${found}`
}

/** @returns the SCSI host of the new session. */
async function login(env: IscsiEnv, disk: IscsiDisk, chap: Chap, portal: string): Promise<number | undefined> {
  const { Iqn, Iface } = disk
  const discovery = (...words: string[]) => env.run('iscsiadm', ['-m', 'discoverydb', '-t', 'sendtargets', '-p', portal, '-I', Iface, ...words])
  const node = (...words: string[]) => env.run('iscsiadm', ['-m', 'node', '-p', portal, '-T', Iqn, '-I', Iface, ...words])
  await discovery('-o', 'new')
  if (chap.discovery) {
    const frame = (text: string) => `iscsi: failed to update discoverydb to portal ${portal} error: ${text}`
    await authenticate((...words) => discovery('-o', 'update', ...words), 'discovery.sendtargets.auth', chap, {
      method: (output) => frame(`iscsi: failed to update discoverydb with CHAP, output: ${output}`), key: (name, output) => frame(`iscsi: failed to update discoverydb key ${JSON.stringify(name)} error: ${output}`),
    })
  }
  const discovered = await discovery('--discover')
  if (failed(discovered)) {
    await discovery('-o', 'delete')
    throw new Error(`iscsi: failed to sendtargets to portal ${portal} output: ${discovered.output}, err ${discovered.error}`)
  }
  if (failed(await node('-o', 'update', '-n', 'node.session.scan', '-v', 'manual'))) env.log.warn('the whole bus of an iSCSI session may be scanned', { iqn: Iqn })
  if (chap.session) {
    const frame = (text: string) => `iscsi: failed to update iscsi node to portal ${portal} error: ${text}`
    await authenticate((...words) => node('-o', 'update', ...words), 'node.session.auth', chap, {
      method: (output) => frame(`iscsi: failed to update node with CHAP, output: ${output}`), key: (name, output) => frame(`iscsi: failed to update node session key ${JSON.stringify(name)} error: ${output}`),
    })
  }
  const entered = await node('--login')
  if (failed(entered)) {
    await node('-o', 'delete')
    throw new Error(`iscsi: failed to attach disk: Error: ${entered.output} (${entered.error})`)
  }
  // A machine that starts again must not wait for the target.
  await env.run('iscsiadm', ['-m', 'node', '-p', portal, '-T', Iqn, '-o', 'update', '-n', 'node.startup', '-v', 'manual'])
  return (await portalHosts(env.files, Iqn)).get(portal)
}

async function authenticate(
  update: (...words: string[]) => Promise<CommandResult>, prefix: string, { secret }: Chap,
  texts: { method(output: string): string; key(name: string, output: string): string },
): Promise<void> {
  check(await update('-n', `${prefix}.authmethod`, '-v', 'CHAP'), texts.method)
  for (const key of keys) {
    const name = `${prefix}.${key}`
    const value = secret[name] ?? ''
    if (value !== '') check(await update('-n', name, '-v', value), (output) => texts.key(name, output))
  }
}

async function cloneIface(env: IscsiEnv, { InitIface, Iface, InitiatorName }: IscsiDisk, shown: string): Promise<void> {
  if (InitIface === Iface) throw new Error(`iscsi: cannot clone iface with same name: ${InitIface}`)
  const iface = (...words: string[]) => env.run('iscsiadm', ['-m', 'iface', '-I', Iface, ...words])
  const made = await iface('-o', 'new')
  if (made.code !== sessionExists) check(made, (output, error) => `iscsi: failed to create new iface: ${output} (${error})`)
  for (const [name, value] of ifaceSettings(shown, InitiatorName)) {
    const result = await iface('-o', 'update', '-n', name, '-v', value)
    if (!failed(result)) continue
    await iface('-o', 'delete')
    throw new Error(`iscsi: failed to update iface records: ${result.output} (${result.error}). iface(${InitIface}) will be used`)
  }
}

/** Takes the disk's devices away; `last`: no other volume of the target is used, so its sessions end. */
export async function detach(env: IscsiEnv, disk: IscsiDisk, last: boolean): Promise<void> {
  await removeDevices(env, disk)
  if (!last) return
  const end = async (words: readonly string[]) => {
    const result = await env.run('iscsiadm', words)
    if (result.error !== undefined && !harmless.has(result.code)) throw new Error(`failed to finish detachISCSIDisk, err: ${result.error}`)
  }
  const portals = [...new Set(disk.Portals)]
  for (const portal of portals) {
    const node = ['-m', 'node', '-p', portal, '-T', disk.Iqn]
    await end([...node, '--logout', '-I', disk.Iface])
    await end([...node, '-o', 'delete', '-I', disk.Iface])
  }
  if (disk.InitiatorName !== '' && disk.Iface === `${portals[0]}:${disk.VolName}`) await end(['-m', 'iface', '-I', disk.Iface, '-o', 'delete'])
}

async function removeDevices(env: IscsiEnv, { Iqn, Lun }: IscsiDisk): Promise<void> {
  const devices = await devicesOfLun(env.files, Iqn, Lun)
  const maps = new Set<string>()
  for (const device of devices) {
    const map = await multipathOf(env.files, `/dev/${device}`)
    if (map !== undefined) maps.add(map)
  }
  for (const map of maps) await env.run('multipath', ['-f', map])
  for (const device of devices) {
    const file = `/sys/block/${device}/device/delete`
    if ((await env.files.lstat(file)) !== undefined) await env.files.write(file, '1')
  }
}

/** Looks up to so many times, a second between two looks. */
async function retried<T>(env: IscsiEnv, tries: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  for (let left = tries; ; left--) {
    const found = await look()
    if (found !== undefined || left <= 1) return found
    await env.clock.sleep(1000)
  }
}
