/** A node with pods and a machine outside, each a network namespace of its own, for tests against the kernel's filter. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { type Flow, type FlowWorld, type Place, flowWorld, podPort } from './flows.ts'

const { addresses } = flowWorld('IPv4')
const { addresses: addresses6 } = flowWorld('IPv6')

export interface World {
  /** Runs a program in the node's namespace. */
  onNode(command: string, args: readonly string[], input?: string): string
  /** What the other side answered: "NAME ADDRESS-SEEN", or 'drop' (nothing in time) or 'reject'. */
  dial(from: Place, protocol: 'tcp' | 'udp', ip: string, port: number, options?: { sourcePort?: number; timeoutMs?: number }): Promise<string>
  /** Opens a connection to an echoing port that keeps talking; 'open' when it does. */
  stream(from: Place, ip: string, port: number): Promise<string>
  /** Ends a place's streams: 'ok' for each that was never interrupted, else what happened to it. */
  stopStreams(from: Place): Promise<string[]>
  /** The command prefix that enters the node's namespace. */
  readonly enterNode: readonly string[]
  stop(): void
}

/** Why the kernel's filter cannot be tested here; undefined when it can. */
export function whyNoKernel(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  const missing = [['nft', '/usr/sbin/nft'], ['ip', '/usr/sbin/ip'], ['nsenter', '/usr/bin/nsenter'], ['conntrack', '/usr/sbin/conntrack']].find(([, path]) => !existsSync(path!))
  return missing === undefined ? undefined : `needs ${missing[0]}`
}

interface Agent { child: ChildProcess; waiting: Map<number, (answer: string) => void> }

/** Builds it and waits until everybody answers. */
export async function startWorld(): Promise<World> {
  const prefix = `cxt${process.pid}`
  const netns = (place: string) => `${prefix}-${place}`
  const places = Object.keys(addresses) as Place[]
  const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' })
  const enter = (place: string) => ['nsenter', `--net=/run/netns/${netns(place)}`, '--'] as const
  for (const place of places) {
    ip('netns', 'add', netns(place))
    ip('-n', netns(place), 'link', 'set', 'lo', 'up')
    // Addresses are ours alone: nobody waits to see whether another has them.
    execFileSync(enter(place)[0], [...enter(place).slice(1), 'sh', '-c', 'for d in /proc/sys/net/ipv6/conf/*; do echo 0 >$d/accept_dad; done'])
  }
  for (const place of places) if (place !== 'node') wire(place, netns, ip)
  execFileSync(enter('node')[0], [...enter('node').slice(1), 'sh', '-c', 'cd /proc/sys/net && echo 1 >ipv6/conf/all/forwarding && echo 0 >ipv6/icmp/ratelimit && echo 0 >ipv4/icmp_ratelimit && cd /proc/sys/net/ipv4 && echo 1 >ip_forward && for d in conf/*; do echo 0 >$d/send_redirects; done'])
  const agents = new Map<Place, Agent>()
  const stop = () => {
    for (const { child } of agents.values()) child.kill('SIGKILL')
    for (const place of places) ip('netns', 'delete', netns(place))
  }
  try {
    await Promise.all(places.map(async (place) => agents.set(place, await startAgent(place, enter(place)))))
  } catch (error) {
    stop()
    throw error
  }
  let next = 0
  const ask = (from: Place, request: object) => {
    const agent = agents.get(from)!
    const id = next++
    return new Promise<string>((resolve) => {
      agent.waiting.set(id, resolve)
      agent.child.stdin!.write(`${JSON.stringify({ id, ...request })}\n`)
    })
  }
  return {
    enterNode: enter('node'),
    onNode: (command, args, input) => execFileSync('nsenter', [...enter('node').slice(1), command, ...args], { encoding: 'utf8', input: input ?? '', stdio: 'pipe' }),
    dial: (from, protocol, address, port, options = {}) => ask(from, { protocol, ip: address, port, timeoutMs: 500, ...options }),
    stream: (from, address, port) => ask(from, { protocol: 'stream', ip: address, port }),
    stopStreams: async (from) => JSON.parse(await ask(from, { protocol: 'stop' })) as string[],
    stop,
  }
}

/** The outside has the node's own link; each pod has a link and a route to it. */
function wire(place: Place, netns: (place: string) => string, ip: (...words: string[]) => void): void {
  const isPod = place !== 'client'
  ip('-n', netns('node'), 'link', 'add', `to-${place}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns(place))
  ip('-n', netns('node'), 'address', 'add', isPod ? '169.254.1.1/32' : `${addresses.node}/24`, 'dev', `to-${place}`)
  ip('-n', netns('node'), 'link', 'set', `to-${place}`, 'up')
  ip('-n', netns(place), 'address', 'add', `${addresses[place]}/${isPod ? 32 : 24}`, 'dev', 'eth0')
  ip('-n', netns(place), 'link', 'set', 'eth0', 'up')
  ip('-n', netns('node'), 'address', 'add', isPod ? 'fe80::1/64' : `${addresses6.node}/112`, 'dev', `to-${place}`, 'nodad')
  ip('-n', netns(place), 'address', 'add', `${addresses6[place]}/${isPod ? 128 : 112}`, 'dev', 'eth0', 'nodad')
  if (isPod) {
    ip('-n', netns('node'), 'route', 'add', addresses[place], 'dev', `to-${place}`)
    ip('-n', netns(place), 'route', 'add', '169.254.1.1', 'dev', 'eth0')
    ip('-n', netns(place), 'route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0')
    ip('-n', netns('node'), 'route', 'add', `${addresses6[place]}/128`, 'dev', `to-${place}`)
    ip('-n', netns(place), 'route', 'add', 'default', 'via', 'fe80::1', 'dev', 'eth0')
  } else {
    ip('-n', netns(place), 'route', 'add', 'default', 'via', addresses.node)
    ip('-n', netns('node'), 'route', 'add', 'default', 'via', addresses.client)
    ip('-n', netns(place), 'route', 'add', 'default', 'via', addresses6.node)
    ip('-n', netns('node'), 'route', 'add', 'default', 'via', addresses6.client)
  }
}

async function startAgent(place: Place, enter: readonly string[]): Promise<Agent> {
  const file = fileURLToPath(new URL('./agent.ts', import.meta.url))
  const child = spawn(enter[0]!, [...enter.slice(1), process.execPath, '--disable-warning=ExperimentalWarning', file, place, String(podPort), '5353'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map<number, (answer: string) => void>()
  await new Promise<void>((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`the test agent of ${place} ended with ${code}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as { ready?: true; id?: number; answer?: string }
      if (message.ready === true) return resolve()
      waiting.get(message.id!)?.(message.answer!)
      waiting.delete(message.id!)
    })
  })
  return { child, waiting }
}

/** Dials as the flow says, often enough to meet every endpoint that chance may choose, and compares who answered and whom it saw. */
export async function expectFlow(kernel: World, { addresses, nodeIP }: FlowWorld, flow: Flow): Promise<void> {
  const tries = typeof flow.expect === 'string' ? 1 : flow.expect.length * 8
  // The first refusal of a node's own IPv6 packet comes while its socket still connects, and is overlooked; the second comes after a second.
  // Who waits for nothing waits briefly; what should come may take its time on a busy machine.
  const timeoutMs = flow.expect === 'drop' ? 500 : 5_000
  const answers = await Promise.all(Array.from({ length: tries }, () => kernel.dial(flow.from, flow.protocol ?? 'tcp', flow.ip, flow.port, { timeoutMs })))
  if (typeof flow.expect === 'string') return expect(answers, flow.name).toEqual([flow.expect])
  expect(new Set(answers.map((answer) => answer.split(' ')[0])), flow.name).toEqual(new Set(flow.expect))
  const seen = new Set(answers.map((answer) => answer.split(' ')[1]))
  if (flow.masqueraded === true) for (const address of seen) expect([nodeIP, '169.254.1.1'], flow.name).toContain(address)
  if (flow.masqueraded === false) expect(seen, flow.name).toEqual(new Set([addresses[flow.from]]))
}

/** Dials an address that no rule is about and that nobody has: the machine outside says so in IPv4, and nothing in IPv6. */
export async function expectNobody(kernel: World, flow: Flow): Promise<void> {
  expect(await kernel.dial(flow.from, flow.protocol ?? 'tcp', flow.ip, flow.port, { timeoutMs: 500 }), flow.name).toMatch(/^(drop|EHOSTUNREACH)$/)
}
