/** A node with pods and a machine outside, each a network namespace of its own, for tests against the kernel's filter. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Place, addresses, podPort } from './flows.ts'

export interface World {
  /** Runs a program in the node's namespace. */
  onNode(command: string, args: readonly string[], input?: string): string
  /** What the other side answered: "NAME ADDRESS-SEEN", or 'drop' (nothing in time) or 'reject'. */
  dial(from: Place, protocol: 'tcp' | 'udp', ip: string, port: number, sourcePort?: number): Promise<string>
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
  }
  for (const place of places) if (place !== 'node') wire(place, netns, ip)
  execFileSync(enter('node')[0], [...enter('node').slice(1), 'sh', '-c', 'cd /proc/sys/net/ipv4 && echo 1 >ip_forward && for d in conf/*; do echo 0 >$d/send_redirects; done'])
  const agents = new Map<Place, Agent>()
  await Promise.all(places.map(async (place) => agents.set(place, await startAgent(place, enter(place)))))
  let next = 0
  return {
    enterNode: enter('node'),
    onNode: (command, args, input) => execFileSync('nsenter', [...enter('node').slice(1), command, ...args], { encoding: 'utf8', input: input ?? '', stdio: 'pipe' }),
    dial(from, protocol, address, port, sourcePort) {
      const agent = agents.get(from)!
      const id = next++
      return new Promise((resolve) => {
        agent.waiting.set(id, resolve)
        agent.child.stdin!.write(`${JSON.stringify({ id, protocol, ip: address, port, sourcePort, timeoutMs: 700 })}\n`)
      })
    },
    stop() {
      for (const { child } of agents.values()) child.kill('SIGKILL')
      for (const place of places) ip('netns', 'delete', netns(place))
    },
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
  if (isPod) {
    ip('-n', netns('node'), 'route', 'add', addresses[place], 'dev', `to-${place}`)
    ip('-n', netns(place), 'route', 'add', '169.254.1.1', 'dev', 'eth0')
    ip('-n', netns(place), 'route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0')
  } else {
    ip('-n', netns(place), 'route', 'add', 'default', 'via', addresses.node)
    ip('-n', netns('node'), 'route', 'add', 'default', 'via', addresses.client)
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
