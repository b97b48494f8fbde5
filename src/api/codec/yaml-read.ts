/**
 * Values from js-yaml's events, as sigs.k8s.io/yaml makes them on the way to JSON: keys become texts, the last of two
 * equal keys counts and both are reported, merges are carried out, bombs of aliases are refused.
 */
import { EVENT_ID, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException, type Event } from 'js-yaml'
import { setOwn } from './set-own.ts'
import { resolveScalar } from './yaml-resolve.ts'

/** A document that is not YAML, or not JSON's kind of YAML, in upstream's frame of words. */
export class YamlError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'YamlError'
  }
}

export interface YamlDocument {
  value: unknown
  /** "line 9: key "foo" already set in map" */
  duplicates: string[]
}

interface Node {
  value: unknown
  /** Where it starts in the source. */
  at: number
  /** Nodes in it, those behind aliases too. */
  size: number
  merge?: boolean
}

/** Upstream lets small documents alias as they like, and large ones less and less. */
const ALIAS_RATIO_FREE = 400_000
const ALIAS_RATIO_STRICT = 4_000_000

class Composer {
  private readonly source: string
  private readonly events: readonly Event[]
  private next = 0
  private anchors = new Map<string, Node>()
  private duplicates: string[] = []
  private aliased = 0
  private direct = 0

  constructor(source: string, events: readonly Event[]) {
    this.source = source
    this.events = events
  }

  documents(limit: number): YamlDocument[] {
    const documents: YamlDocument[] = []
    while (this.next < this.events.length && documents.length < limit) {
      this.next++
      this.anchors = new Map()
      this.duplicates = []
      const value = this.events[this.next]?.type === EVENT_ID.POP ? null : this.node().value
      this.next++
      documents.push({ value, duplicates: this.duplicates })
    }
    return documents
  }

  private node(): Node {
    const event = this.events[this.next++] as Event
    this.direct++
    switch (event.type) {
      case EVENT_ID.SCALAR: return this.anchored(event, this.scalar(event))
      case EVENT_ID.SEQUENCE: return this.sequence(event)
      case EVENT_ID.MAPPING: return this.mapping(event)
      case EVENT_ID.ALIAS: return this.alias(event)
      default: throw new YamlError('yaml: unexpected end of document')
    }
  }

  private anchored(event: Event, node: Node): Node {
    if ('anchorStart' in event && event.anchorStart >= 0) {
      this.anchors.set(this.source.slice(event.anchorStart, event.anchorEnd), node)
    }
    return node
  }

  private alias(event: Event & { type: typeof EVENT_ID.ALIAS }): Node {
    const name = this.source.slice(event.anchorStart, event.anchorEnd)
    const node = this.anchors.get(name)
    if (!node) throw new YamlError(`yaml: unknown anchor '${name}' referenced`)
    if (node.size < 0) throw new YamlError(`yaml: anchor '${name}' value contains itself`)
    this.aliased += node.size
    const total = this.aliased + this.direct
    const strictness = Math.min(Math.max(total - ALIAS_RATIO_FREE, 0) / (ALIAS_RATIO_STRICT - ALIAS_RATIO_FREE), 1)
    if (this.aliased > 100 && total > 1000 && this.aliased / total > 0.99 - 0.89 * strictness) {
      throw new YamlError('yaml: document contains excessive aliasing')
    }
    return { ...node, at: event.anchorStart }
  }

  private tagOf(event: Event): string {
    if (!('tagStart' in event) || event.tagStart < 0) return ''
    return this.source.slice(event.tagStart, event.tagEnd).replace(/^!<tag:yaml\.org,2002:(.*)>$/, '!!$1')
  }

  private scalar(event: Event & { type: typeof EVENT_ID.SCALAR }): Node {
    const text = getScalarValue(this.source, event)
    const tag = this.tagOf(event)
    const at = event.valueStart
    if (tag === '!!binary') return { value: Buffer.from(text, 'base64').toString(), at, size: 1 }
    if (tag === '' ? event.style !== SCALAR_STYLE.PLAIN : !/^!!(?:null|bool|int|float|timestamp)$/.test(tag)) {
      return { value: text, at, size: 1 }
    }
    const resolved = resolveScalar(text)
    const wanted = tag.slice(2)
    if (wanted !== '' && resolved.tag !== wanted && !(wanted === 'float' && resolved.tag === 'int')) {
      throw new YamlError(`yaml: cannot decode !!${resolved.tag} \`${text}\` as a ${tag}`)
    }
    const { value } = resolved
    return { value, at, size: 1, merge: text === '<<' && tag === '' }
  }

  private sequence(event: Event & { type: typeof EVENT_ID.SEQUENCE }): Node {
    const items: unknown[] = []
    const node = this.anchored(event, { value: items, at: event.start, size: -1 })
    let size = 1
    while (this.events[this.next]?.type !== EVENT_ID.POP) {
      const item = this.node()
      size += item.size
      items.push(item.value)
    }
    this.next++
    node.size = size
    return node
  }

  private mapping(event: Event & { type: typeof EVENT_ID.MAPPING }): Node {
    const map: Record<string, unknown> = {}
    const node = this.anchored(event, { value: map, at: event.start, size: -1 })
    let size = 1
    while (this.events[this.next]?.type !== EVENT_ID.POP) {
      const key = this.node()
      const value = this.node()
      size += key.size + value.size
      if (key.merge === true) this.merge(map, value)
      else this.set(map, key, value)
    }
    this.next++
    node.size = size
    return node
  }

  private merge(map: Record<string, unknown>, from: Node): void {
    // The first of several counts most, so it comes last.
    for (const one of Array.isArray(from.value) ? (from.value as unknown[]).toReversed() : [from.value]) {
      if (typeof one !== 'object' || one === null || Array.isArray(one)) {
        throw new YamlError('yaml: map merge requires map or sequence of maps as the value')
      }
      for (const [key, value] of Object.entries(one)) setOwn(map, key, value)
    }
  }

  private set(map: Record<string, unknown>, key: Node, value: Node): void {
    const name = keyText(key.value)
    if (Object.hasOwn(map, name)) {
      const shown = typeof key.value === 'string' ? JSON.stringify(name) : name
      this.duplicates.push(`line ${this.line(value.at < 0 ? key.at : value.at)}: key ${shown} already set in map`)
    }
    setOwn(map, name, value.value)
  }

  private line(at: number): number {
    let line = 1
    for (let i = this.source.indexOf('\n'); i >= 0 && i < at; i = this.source.indexOf('\n', i + 1)) line++
    return line
  }
}

/** JSON's keys are texts; other plain keys are written out. */
function keyText(key: unknown): string {
  switch (typeof key) {
    case 'string': return key
    case 'boolean': return String(key)
    case 'number': {
      if (Number.isNaN(key)) return '.nan'
      return Number.isFinite(key) ? String(key) : key > 0 ? '.inf' : '-.inf'
    }
    default:
      if (key === null) throw new YamlError('unsupported map key of type: %!s(<nil>), key: <nil>')
      throw new YamlError(`yaml: invalid map key: ${JSON.stringify(key)}`)
  }
}

/** What upstream's parser says where js-yaml uses other words. */
function goReason(source: string, position: number, reason: string): string {
  if (/[@`%\t]/.test(source[position] ?? '') || reason.startsWith('tab characters')) {
    return 'found character that cannot start any token'
  }
  if (reason === 'bad indentation of a mapping entry') return 'mapping values are not allowed in this context'
  return reason
}

/** The documents of a stream, at most `limit`. Throws YamlError. */
export function composeYaml(source: string, limit = Number.POSITIVE_INFINITY): YamlDocument[] {
  let events: Event[]
  try {
    events = parseEvents(source, {})
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    const { mark, reason } = error
    if (mark === undefined) throw new YamlError(`yaml: ${reason}`)
    // Upstream names no line when it is the first.
    const line = mark.line === 0 ? '' : `line ${mark.line + 1}: `
    throw new YamlError(`yaml: ${line}${goReason(source, mark.position, reason)}`)
  }
  return new Composer(source, events).documents(limit)
}
