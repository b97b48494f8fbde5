/**
 * Follows a packet through the rules as the kernel would, for tests and for the question "where does this go?". Where
 * the rules choose by chance, every choice is followed. Pure.
 */
import { contains, hostPort } from './addresses.ts'
import { type Field, type Hook, type Ruleset, type Statement, type Verdict, elementKey } from './ruleset.ts'

export interface Packet {
  readonly source: string
  readonly destination: string
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly port: number
  /** Sent by a process on the node itself, not by a pod or from outside. */
  readonly fromNode?: boolean
  /** Where it comes in. */
  readonly interface?: string
}

export interface TraceOptions {
  /** The node's own addresses. */
  readonly localAddresses: readonly string[]
  /** Members of sets that packets fill, by set name. */
  readonly remembered?: Readonly<Record<string, readonly string[]>>
}

export interface Outcome {
  readonly verdict: 'accept' | 'drop' | 'reject'
  /** Where it arrives: "ip:port". */
  readonly destination: string
  readonly translated: boolean
  readonly masqueraded: boolean
}

interface State {
  packet: Packet
  marked: boolean
  translated: boolean
  masqueraded: boolean
  verdict: 'accept' | 'drop' | 'reject'
}

/** Every way that the packet, the first of its connection, may take. */
export function trace(rules: Ruleset, packet: Packet, options: TraceOptions): Outcome[] {
  const tracer = new Tracer(rules, options)
  const start: State = { packet, marked: false, translated: false, masqueraded: false, verdict: 'accept' }
  let states = tracer.through([start], packet.fromNode === true ? 'output' : 'prerouting')
  states = states.flatMap((state) => {
    if (state.verdict !== 'accept') return [state]
    const isLocal = options.localAddresses.includes(state.packet.destination)
    if (isLocal) return tracer.through(tracer.through([state], 'input'), undefined)
    const forwarded = packet.fromNode === true ? [state] : tracer.through([state], 'forward')
    return tracer.through(forwarded, 'postrouting')
  })
  return states.map((state) => ({
    verdict: state.verdict, destination: hostPort(state.packet.destination, state.packet.port), translated: state.translated, masqueraded: state.masqueraded,
  }))
}

function isInterface(name: string, actual: string): boolean {
  return name.endsWith('*') ? actual.startsWith(name.slice(0, -1)) : actual === name
}

/** What happened to a packet: it goes on in this chain, is done with this chain, or has its verdict in this hook. */
type Walked = { state: State; ended: 'no' | 'chain' | 'hook' }[]

class Tracer {
  readonly #rules: Ruleset
  readonly #options: TraceOptions
  constructor(rules: Ruleset, options: TraceOptions) {
    this.#rules = rules
    this.#options = options
  }

  /** All base chains of the hook in order of priority; dropped packets go no further. */
  through(states: readonly State[], hook: Hook | undefined): State[] {
    const chains = [...this.#rules.chains].filter(([, { base }]) => base !== undefined && base.hook === hook)
      .sort(([, a], [, b]) => Number(a.base!.priority) - Number(b.base!.priority))
    let now = [...states]
    for (const [name] of chains) {
      now = now.flatMap((state) => (state.verdict === 'accept' ? this.#chain(name, state).map((walked) => walked.state) : [state]))
    }
    return now
  }

  #chain(name: string, state: State): Walked {
    const chain = this.#rules.chains.get(name)
    if (chain === undefined) throw new Error(`the rules name a chain that does not exist: ${name}`)
    let open: State[] = [state]
    const ended: Walked = []
    for (const rule of chain.rules) {
      const next: State[] = []
      for (const current of open) {
        for (const walked of this.#statements(rule.statements, 0, current)) {
          if (walked.ended === 'no') next.push(walked.state)
          else ended.push({ state: walked.state, ended: walked.ended === 'hook' ? 'hook' : 'no' })
        }
      }
      open = next
    }
    return [...ended, ...open.map((current) => ({ state: current, ended: 'no' as const }))]
  }

  #statements(statements: readonly Statement[], index: number, state: State): Walked {
    const statement = statements[index]
    if (statement === undefined) return [{ state, ended: 'no' }]
    const goOn = (changed: State): Walked => this.#statements(statements, index + 1, changed)
    const stop = (): Walked => [{ state, ended: 'no' }]
    // goto does not come back to the rest of this chain, but to whoever jumped here.
    const goTo = (chain: string): Walked => this.#chain(chain, state).map((walked) => ({ ...walked, ended: walked.ended === 'hook' ? 'hook' : 'chain' }))
    const end = (changed: Partial<State>): Walked => [{ state: { ...state, ...changed }, ended: 'hook' }]
    switch (statement.do) {
      case 'isNew': return goOn(state)
      case 'in': return this.#has(statement.set, this.#key(statement.fields, state)) ? goOn(state) : stop()
      case 'among': {
        const address = this.#field(statement.field, state)
        return statement.values.some((range) => contains(range, address)) !== (statement.not === true) ? goOn(state) : stop()
      }
      case 'fromInterface': return isInterface(statement.name, state.packet.interface ?? '') !== (statement.not === true) ? goOn(state) : stop()
      case 'isLocal': return this.#options.localAddresses.includes(this.#field(statement.field, state)) ? goOn(state) : stop()
      case 'isTranslated': return state.translated ? goOn(state) : stop()
      case 'isProtocol': return state.packet.protocol === statement.protocol ? goOn(state) : stop()
      case 'toPorts': {
        const { protocol, port } = state.packet
        const inRange = (range: string) => { const [first, last = first] = range.split('-').map(Number); return port >= first! && port <= last! }
        return statement.protocol === protocol && statement.ports.some(inRange) ? goOn(state) : stop()
      }
      case 'isTo': {
        const { protocol, port, destination } = state.packet
        return protocol === statement.protocol && port === statement.port && (statement.ip ?? destination) === destination ? goOn(state) : stop()
      }
      // The packet is the first of its connection: of these states only a translated destination can be true.
      case 'isState': return (statement.states.includes('DNAT') && state.translated) !== (statement.not === true) ? goOn(state) : stop()
      case 'chance': return [...goOn(state), ...stop()]
      case 'remembered': return this.#has(statement.set, state.packet.source) ? goOn(state) : stop()
      case 'isMarked': return state.marked !== (statement.not === true) ? goOn(state) : stop()
      case 'mark': return goOn({ ...state, marked: true })
      case 'unmark': return goOn({ ...state, marked: false })
      case 'lookup': {
        const verdict = this.#lookup(statement.map, this.#key(statement.fields, state))
        if (verdict === 'absent' || verdict === undefined) return goOn(state)
        return verdict === 'drop' ? end({ verdict: 'drop' }) : goTo(verdict.goto)
      }
      case 'jump': return this.#chain(statement.chain, state).flatMap((walked) => (walked.ended === 'hook' ? [walked] : goOn(walked.state)))
      case 'goto': return goTo(statement.chain)
      case 'return': return [{ state, ended: 'chain' }]
      case 'choose': return statement.chains.flatMap(goTo)
      case 'accept': return end({})
      case 'drop': return end({ verdict: 'drop' })
      case 'reject': return end({ verdict: 'reject' })
      case 'masquerade': return end({ masqueraded: true })
      case 'remember': return goOn(state)
      case 'translate': return statement.to.flatMap(({ ip, port }) => end({ translated: true, packet: { ...state.packet, destination: ip, port } }))
    }
  }

  #field(field: Field, { packet }: State): string {
    return { saddr: packet.source, daddr: packet.destination, protocol: packet.protocol, dport: String(packet.port), from: packet.source, to: packet.destination }[field]
  }

  #key(fields: readonly Field[], state: State): string {
    return elementKey(...fields.map((field) => this.#field(field, state)))
  }

  #has(set: string, key: string): boolean {
    return this.#rules.elements.get(set)?.has(key) === true || this.#options.remembered?.[set]?.includes(key) === true
  }

  #lookup(map: string, key: string): Verdict | 'absent' {
    const elements = this.#rules.elements.get(map)
    return elements?.has(key) === true ? elements.get(key) : 'absent'
  }
}
