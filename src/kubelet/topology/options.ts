/** Options of the policies: what their texts mean. Pure. Upstream: cpumanager/policy_options.go, topologymanager/policy_options.go. */
import type { TopologyPolicy } from './hints.ts'

export interface CpuOptions {
  /** full-pcpus-only. */
  readonly wholeCores: boolean
  readonly distributeNuma: boolean
  readonly bySocket: boolean
  readonly spreadCores: boolean
  readonly strictReservation: boolean
  /** prefer-align-cpus-by-uncorecache. */
  readonly byCache: boolean
}

export interface TopologyOptions {
  readonly preferClosest: boolean
  readonly maxNodes: number
}

const names: Readonly<Record<string, { readonly key: keyof CpuOptions; readonly alpha?: true }>> = {
  'full-pcpus-only': { key: 'wholeCores' }, 'distribute-cpus-across-numa': { key: 'distributeNuma' }, 'align-by-socket': { key: 'bySocket', alpha: true },
  'distribute-cpus-across-cores': { key: 'spreadCores', alpha: true }, 'strict-cpu-reservation': { key: 'strictReservation' }, 'prefer-align-cpus-by-uncorecache': { key: 'byCache' },
}
/** Pairs that contradict each other. */
const exclusive: readonly (readonly [string, string])[] = [
  ['full-pcpus-only', 'distribute-cpus-across-cores'], ['distribute-cpus-across-numa', 'distribute-cpus-across-cores'],
  ['prefer-align-cpus-by-uncorecache', 'distribute-cpus-across-cores'], ['prefer-align-cpus-by-uncorecache', 'distribute-cpus-across-numa'],
]
const words: Readonly<Record<string, boolean>> = { 1: true, t: true, T: true, TRUE: true, true: true, True: true, 0: false, f: false, F: false, FALSE: false, false: false, False: false }

function flag(name: string, text: string): boolean {
  const value = words[text]
  if (value === undefined) throw new Error(`bad value for option ${JSON.stringify(name)}: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
  return value
}

/** `alpha`: the gate CPUManagerPolicyAlphaOptions. Throws Error with upstream's text. */
export function readCpuOptions(given: Readonly<Record<string, string>>, alpha: boolean): CpuOptions {
  const options = { wholeCores: false, distributeNuma: false, bySocket: false, spreadCores: false, strictReservation: false, byCache: false }
  for (const [name, text] of Object.entries(given)) {
    const known = names[name]
    if (known === undefined) throw new Error(`unknown CPU Manager Policy option: ${JSON.stringify(name)}`)
    if (known.alpha === true && !alpha) throw new Error(`CPU Manager Policy Alpha-level Options not enabled, but option ${JSON.stringify(name)} provided`)
    options[known.key] = flag(name, text)
  }
  for (const [a, b] of exclusive) if (options[names[a]!.key] && options[names[b]!.key]) throw new Error(`static policy options ${a} and ${b} can not be used at the same time`)
  return options
}

const usualNodes = 8

export function readTopologyOptions(given: Readonly<Record<string, string>>): TopologyOptions {
  let options = { preferClosest: false, maxNodes: usualNodes }
  for (const [name, text] of Object.entries(given)) {
    if (name === 'prefer-closest-numa-nodes') options = { ...options, preferClosest: flag(name, text) }
    else if (name === 'max-allowable-numa-nodes') {
      if (!/^[+-]?\d+$/.test(text)) throw new Error(`unable to convert policy option to integer ${JSON.stringify(name)}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
      if (Number(text) < usualNodes) throw new Error(`the minimum value of ${JSON.stringify(name)} should not be less than ${usualNodes}`)
      options = { ...options, maxNodes: Number(text) }
    } else throw new Error(`unknown Topology Manager Policy option: ${JSON.stringify(name)}`)
  }
  return options
}

/** What cannot be used together on a machine. */
export function checkCpuOptions({ bySocket }: CpuOptions, policy: TopologyPolicy, sockets: number, nodes: number): void {
  if (!bySocket) return
  if (policy === 'single-numa-node') throw new Error('Topolgy manager single-numa-node policy is incompatible with CPUManager align-by-socket policy option')
  if (sockets > nodes) throw new Error('Align by socket is not compatible with hardware where number of sockets are more than number of NUMA')
}
