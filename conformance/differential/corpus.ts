/** Cases are data: YAML files of documents, each an object to create and changes to try on it. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'

type Fields = Record<string, unknown>

export interface Case {
  readonly name: string
  /** Created with dryRun; really, when changes follow. */
  readonly object: Fields
  /** Definitions that are created first, whose kinds are waited for. */
  readonly setup?: readonly Fields[]
  /** Merge patches, each tried on the created object with dryRun. */
  readonly patches?: readonly Fields[]
  /** Merge patches of a subresource, each really made. */
  readonly status?: readonly Fields[]
  /** Variants of the object: merge patches, each of which gives an object of its own to create with dryRun. */
  readonly variants?: readonly Fields[]
}

export function loadCorpus(directory: string, only: string | undefined): Case[] {
  return readdirSync(directory).filter((file) => file.endsWith('.yaml')).sort().flatMap((file) => {
    const documents: Case[] = []
    loadAll(readFileSync(join(directory, file), 'utf8'), (document) => {
      const entry = document as Case | undefined
      if (entry) documents.push({ ...entry, name: `${file.slice(0, -5)}: ${entry.name}` })
    })
    return documents
  }).filter((entry) => only === undefined || entry.name.includes(only))
}

/** Cases are JSON. */
const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * A merge patch, with one addition: a key such as "spec.containers.0.image" is a path, so that one item of a list can
 * be changed; null removes.
 */
export function variant(object: Fields, patch: Fields): Fields {
  const copy = copyOf(object)
  for (const [path, value] of Object.entries(patch)) setPath(copy, path.startsWith('/') ? path.slice(1).split('/') : path.split('.'), value)
  return copy
}

function setPath(target: Fields | unknown[], path: readonly string[], value: unknown): void {
  const [first, ...rest] = path
  const holder = target as Record<string, unknown>
  if (rest.length === 0) {
    if (value === null && !Array.isArray(target)) delete holder[first!]
    else holder[first!] = copyOf(value)
    return
  }
  if (typeof holder[first!] !== 'object' || holder[first!] === null) holder[first!] = /^\d+$/.test(rest[0]!) ? [] : {}
  setPath(holder[first!] as Fields, rest, value)
}

/** A merge patch (RFC 7386) for the wire, from the same paths; paths through lists take the whole list. */
export function wirePatch(object: Fields, patch: Fields): Fields {
  return difference(object, variant(object, patch))
}

function difference(before: Fields, after: Fields): Fields {
  const out: Fields = {}
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [x, y] = [before[key], after[key]]
    if (JSON.stringify(x) === JSON.stringify(y)) continue
    if (y === undefined) out[key] = null
    else out[key] = isFields(x) && isFields(y) ? difference(x, y) : y
  }
  return out
}
