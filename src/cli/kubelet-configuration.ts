/** Files and flags of the kubelet, merged into one configuration. Upstream: cmd/kubelet/app/server.go. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseYaml } from '../api/codec/yaml.ts'
import { formatDuration } from '../api/meta/time.ts'
import { ConfigurationError, type Document, checkKind, mergeDocuments, unknownFields, withValue } from '../kubelet/configuration/document.ts'
import type { Field } from '../kubelet/configuration/fields.ts'
import { type KubeletConfiguration, readConfiguration } from '../kubelet/configuration/read.ts'
import { type FlagValues, UsageError } from './command.ts'
import { fieldFlags } from './flags/kubelet.ts'

export interface LoadedConfiguration extends KubeletConfiguration {
  /** Fields that nobody knows. */
  readonly unknown: readonly string[]
}

/** Without a file the server is as open as it was when there were only flags. */
const withFlagsOnly: Document = {
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }, authorization: { mode: 'AlwaysAllow' }, readOnlyPort: 10255,
}

/** Throws UsageError. */
export function loadConfiguration(flags: FlagValues): LoadedConfiguration {
  const file = flags.string('config')
  const dropIns = flags.string('config-dir')
  try {
    let document = file === undefined || file === '' ? withFlagsOnly : readDocument(file)
    if (dropIns !== undefined && dropIns !== '') for (const path of dropInFiles(dropIns)) document = mergeDocuments(document, readDocument(path))
    const unknown = unknownFields(document)
    for (const field of fieldFlags) if (flags.given(field.flag)) document = withValue(document, field.path, flagValue(field, flags))
    return { ...readConfiguration(document), unknown }
  } catch (error) {
    if (error instanceof ConfigurationError) throw new UsageError(`failed to validate kubelet configuration, error: ${error.message}`)
    throw error
  }
}

function readDocument(path: string): Document {
  try {
    return checkKind(parseYaml(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new UsageError(`failed to load kubelet config file, path: ${path}, error: ${(error as Error).message}`)
  }
}

/** Below folders too; the others are passed over. */
function dropInFiles(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap((entry) => {
      const path = join(dir, entry.name)
      return entry.isDirectory() ? dropInFiles(path) : entry.name.endsWith('.conf') ? [path] : []
    })
  } catch (error) {
    throw new UsageError(`failed to walk through kubelet dropin directory ${JSON.stringify(dir)}: ${(error as Error).message}`)
  }
}

/** The flag's value as it would stand in a file. */
function flagValue({ flag, type, separator }: Field & { flag: string }, flags: FlagValues): unknown {
  switch (type) {
    case 'flag': return flags.bool(flag)
    case 'number': return flags.number(flag)
    case 'duration': return formatDuration(flags.number(flag) ?? 0)
    case 'texts': return [...flags.list(flag)]
    case 'map': return separator === undefined ? { ...flags.map(flag) } : Object.fromEntries(flags.list(flag).map((text) => pair(flag, text, separator)))
    case 'flags': return Object.fromEntries(Object.entries(flags.map(flag)).map(([name, value]) => [name, value === 'true']))
    case 'list': return flag === 'register-with-taints' ? flags.list(flag).map(parseTaint) : flag === 'reserved-memory' ? reservations(flags.list(flag)) : [...flags.list(flag)]
    case 'object': return headers(flags.list(flag))
    case 'text': return flags.string(flag)
  }
}

function pair(flag: string, text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  if (at < 0) throw new UsageError(`invalid argument ${JSON.stringify(text)} for "--${flag}" flag: malformed pair, expect string${separator}string`)
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}

function headers(list: readonly string[]): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const text of list) {
    const [name, value] = pair('manifest-url-header', text, ':')
    found[name] = [...(found[name] ?? []), value]
  }
  return found
}

function parseTaint(text: string): { key: string; value?: string; effect: string } {
  const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text)
  if (match === null) throw new UsageError(`invalid argument ${JSON.stringify(text)} for "--register-with-taints" flag: invalid taint spec: ${text}`)
  return { key: match[1]!, ...(match[2] === undefined ? {} : { value: match[2] }), effect: match[3]! }
}

/** "0:memory=1Gi,hugepages-2Mi=64Mi;1:memory=2Gi", cut at commas. */
function reservations(list: readonly string[]): { numaNode: number; limits: Record<string, string> }[] {
  const found: { numaNode: number; limits: Record<string, string> }[] = []
  const fail = (text: string, why: string) => new UsageError(`invalid argument ${JSON.stringify(text)} for "--reserved-memory" flag: ${why}`)
  for (const text of list.flatMap((one) => one.split(';'))) {
    const match = /^(?:([^:=]*):)?([^=]*)=(.*)$/.exec(text.trim())
    if (match === null) throw fail(text, 'the reserved memory has incorrect format')
    if (match[1] !== undefined) {
      if (!/^\d+$/.test(match[1])) throw fail(text, 'failed to convert the NUMA node ID, exptected integer')
      found.push({ numaNode: Number(match[1]), limits: {} })
    }
    const at = found.at(-1)
    if (at === undefined) throw fail(text, 'the reserved memory has incorrect format, expected <numaNodeID>:<memoryType>=<quantity>[,<memoryType>=<quantity>]')
    if (match[2] !== 'memory' && !match[2]!.startsWith('hugepages-')) throw fail(text, `memory type ${JSON.stringify(match[2])} is not supported, only [memory hugepages-<HugePageSize>] are supported`)
    at.limits[match[2]!] = match[3]!
  }
  return found
}
