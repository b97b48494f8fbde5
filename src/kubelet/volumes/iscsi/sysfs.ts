/** What the kernel tells of iSCSI sessions and their devices. Upstream: pkg/volume/util/device_util_linux.go. */
import type { HostFiles } from '../../host/contract.ts'

const hostsDir = '/sys/class/iscsi_host'

interface Session {
  readonly host: number
  readonly path: string
}

async function sessionsOf(files: HostFiles, iqn: string): Promise<Session[]> {
  const found: Session[] = []
  for (const name of await files.list(hostsDir)) {
    const host = /^host(\d+)$/.exec(name)?.[1]
    if (host === undefined) continue
    for (const session of await files.list(`${hostsDir}/${name}/device`)) {
      const path = `${hostsDir}/${name}/device/${session}`
      if (!session.startsWith('session')) continue
      const target = await files.readText(`${path}/iscsi_session/${session}/targetname`)
      if (target?.trim() === iqn) found.push({ host: Number(host), path })
    }
  }
  return found
}

/** SCSI hosts that are logged in to the target, by portal ("192.168.30.7:3260"). */
export async function portalHosts(files: HostFiles, iqn: string): Promise<Map<string, number>> {
  const hosts = new Map<string, number>()
  for (const { host, path } of await sessionsOf(files, iqn)) {
    for (const connection of await files.list(path)) {
      if (!connection.startsWith('connection')) continue
      const read = async (name: string) => (await files.readText(`${path}/${connection}/iscsi_connection/${connection}/${name}`))?.trim()
      for (const kind of ['', 'persistent_']) {
        const [address, port] = [await read(`${kind}address`), await read(`${kind}port`)]
        if (address !== undefined && port !== undefined) hosts.set(`${address.includes(':') ? `[${address}]` : address}:${port}`, host)
      }
    }
  }
  return hosts
}

/** Names of the block devices ("sdb") of a LUN of the target. */
export async function devicesOfLun(files: HostFiles, iqn: string, lun: string): Promise<string[]> {
  const devices: string[] = []
  for (const { host, path } of await sessionsOf(files, iqn)) {
    const [first] = await files.list(`${path}/target${host}:0:0/${host}:0:0:${lun}/block`)
    if (first !== undefined) devices.push(first)
  }
  return devices
}

/** "/dev/dm-1" that a device is a path of. */
export async function multipathOf(files: HostFiles, device: string): Promise<string | undefined> {
  const disk = /^\/dev[^/]*\/([^/]+)$/.exec((await files.realPath(device)) ?? '')?.[1]
  if (disk === undefined) return undefined
  for (const name of await files.list('/sys/block')) {
    if (name.startsWith('dm-') && (await files.lstat(`/sys/block/${name}/slaves/${disk}`)) !== undefined) return `/dev/${name}`
  }
  return undefined
}
