/** An iSCSI volume as the node sees it: names, places, words of iscsiadm. Pure. Upstream: pkg/volume/iscsi/{iscsi,iscsi_util}.go. */
import type { ISCSIPersistentVolumeSource, ISCSIVolumeSource } from '../../../api/generated/types/core-v1.ts'

/** With upstream's names, as it stands in iscsi.json beside a mount. */
export interface IscsiDisk {
  readonly VolName: string
  /** The first is the target portal. */
  readonly Portals: readonly string[]
  readonly Iqn: string
  readonly Lun: string
  /** The interface of iscsiadm that the volume names. */
  readonly InitIface: string
  /** The one that is used: a copy of it where the volume has an initiator of its own. */
  readonly Iface: string
  readonly InitiatorName: string
}

/** What is not written down. */
export interface Chap {
  readonly discovery: boolean
  readonly session: boolean
  readonly secret: Readonly<Record<string, string>>
}

const withPort = (portal: string): string => (portal.includes(':') ? portal : `${portal}:3260`)

export function diskOf(name: string, source: ISCSIVolumeSource | ISCSIPersistentVolumeSource): IscsiDisk {
  const { targetPortal, portals = [], iqn, lun, iscsiInterface = 'default', initiatorName = '' } = source
  const all = [targetPortal, ...portals].map(withPort)
  return { VolName: name, Portals: all, Iqn: iqn, Lun: String(lun), InitIface: iscsiInterface, Iface: initiatorName === '' ? iscsiInterface : `${all[0]}:${name}`, InitiatorName: initiatorName }
}

/** "<root>/plugins/kubernetes.io/iscsi". */
export const pluginDir = (rootDir: string): string => `${rootDir}/plugins/kubernetes.io/iscsi`
const blockFolder = 'volumeDevices'

/** Where the node mounts the disk, or keeps a block device's record. */
export function globalPath(rootDir: string, { Iface, Portals, Iqn, Lun }: IscsiDisk, block: boolean): string {
  return `${pluginDir(rootDir)}/${block ? `${blockFolder}/` : ''}iface-${Iface}/${Portals[0]}-${Iqn}-lun-${Lun}`
}

/** iface.transport_name of what `iscsiadm -m iface -o show` prints; '' when it is not there. */
export function transportOf(output: string): string {
  const found = /iface\.transport_name = (.*)\n/.exec(output)?.[1] ?? ''
  return found === '<empty>' ? 'tcp' : found
}

/** Settings to give to a copy of the interface, sorted. Throws Error with upstream's text. */
export function ifaceSettings(output: string, initiatorName: string): [string, string][] {
  const settings = new Map<string, string>()
  for (const line of output.split('\n')) {
    if (!line.startsWith('iface.') || line.includes('<empty>')) continue
    const words = line.trim().split(/\s+/)
    if (words.length !== 3 || words[1] !== '=') throw new Error(`error: invalid iface setting: [${words.join(' ')}]`)
    if (words[0] !== 'iface.iscsi_ifacename') settings.set(words[0]!, words[2]!)
  }
  settings.set('iface.initiatorname', initiatorName)
  return [...settings].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Folder and pattern of the link to the device that a portal shows. */
export function deviceLink({ Iqn, Lun }: IscsiDisk, portal: string, transport: string): { readonly shown: string; matches(name: string): boolean } {
  const end = `ip-${portal.replaceAll(/[[\]]/g, '')}-iscsi-${Iqn}-lun-${Lun}`
  return transport === 'tcp' ? { shown: end, matches: (name) => name === end } : { shown: `pci-*-${end}`, matches: (name) => name.startsWith('pci-') && name.endsWith(`-${end}`) }
}

/** The disk by the name of its global path, for one whose record is gone. undefined: no such name. */
export function diskFromPath(path: string): IscsiDisk | undefined {
  const found = /\/iface-([^/]+)\/([^/]+?)-((?:iqn|eui)\.[^/]+)-lun-(\d+)$/.exec(path)
  if (found === null) return undefined
  const [, Iface = '', portal = '', Iqn = '', Lun = ''] = found
  return { VolName: '', Portals: [portal], Iqn, Lun, InitIface: Iface, Iface, InitiatorName: '' }
}
