/** --cloud-config of the local cloud. */
import { type AddressRange, parseAddressRange } from './addresses.ts'

export const apiVersion = 'cloud.coxswain.dev/v1alpha1'
export const kind = 'LocalCloudConfiguration'

/** A node host of this machine. */
export interface LocalHost {
  readonly name: string
  /** Its own address, by which the others reach it. */
  readonly address: string
  /** Its network namespace below /run/netns; none: it is the machine itself. */
  readonly netns?: string
}

export interface LocalCloudConfiguration {
  /** Addresses for load balancers; none: there are no load balancers. */
  readonly loadBalancerRanges: readonly AddressRange[]
  /** Whether the machine is told the way to them; without it they are addresses in name, as simulated nodes want it. Default true. */
  readonly announce: boolean
  /** The interface beyond which node hosts are: packets to a load balancer without nodes end there. */
  readonly device?: string
  readonly zone?: string
  readonly region?: string
  /** Default "local". */
  readonly instanceType: string
  /** The machines there are; absent: every node is taken for one, as it describes itself. */
  readonly hosts?: readonly LocalHost[]
}

const fields = ['apiVersion', 'kind', 'loadBalancerRanges', 'announce', 'device', 'zone', 'region', 'instanceType', 'hosts']

/** Throws an Error that names the field. */
export function parseLocalConfiguration(document: unknown): LocalCloudConfiguration {
  const given = object(document ?? {}, 'the configuration')
  if (given['apiVersion'] !== undefined && given['apiVersion'] !== apiVersion) throw new Error(`apiVersion: ${JSON.stringify(given['apiVersion'])} is not ${apiVersion}`)
  if (given['kind'] !== undefined && given['kind'] !== kind) throw new Error(`kind: ${JSON.stringify(given['kind'])} is not ${kind}`)
  const unknown = Object.keys(given).find((name) => !fields.includes(name))
  if (unknown !== undefined) throw new Error(`${unknown}: unknown field; known: ${fields.join(', ')}`)
  const text = (name: string, from: Record<string, unknown> = given, path = name): string | undefined => {
    const value = from[name]
    if (value !== undefined && typeof value !== 'string') throw new Error(`${path}: must be a string`)
    return value
  }
  if (given['announce'] !== undefined && typeof given['announce'] !== 'boolean') throw new Error('announce: must be true or false')
  const loadBalancerRanges = list(given['loadBalancerRanges'] ?? [], 'loadBalancerRanges').map((range, at) => {
    if (typeof range !== 'string') throw new Error(`loadBalancerRanges[${at}]: must be a string`)
    try {
      return parseAddressRange(range)
    } catch (error) {
      throw new Error(`loadBalancerRanges[${at}]: ${(error as Error).message}`, { cause: error })
    }
  })
  const hosts = given['hosts'] === undefined ? undefined : list(given['hosts'], 'hosts').map((one, at): LocalHost => {
    const host = object(one, `hosts[${at}]`)
    const [name, address] = ['name', 'address'].map((field) => {
      const value = text(field, host, `hosts[${at}].${field}`)
      if (value === undefined || value === '') throw new Error(`hosts[${at}].${field}: Required value`)
      return value
    }) as [string, string]
    const netns = text('netns', host, `hosts[${at}].netns`)
    return { name, address, ...(netns === undefined ? {} : { netns }) }
  })
  const optional = { device: text('device'), zone: text('zone'), region: text('region'), hosts }
  return {
    loadBalancerRanges, announce: given['announce'] ?? true, instanceType: text('instanceType') ?? 'local',
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  }
}

function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${path}: must be an object`)
  return value as Record<string, unknown>
}

function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${path}: must be a list`)
  return value
}
