/**
 * update-cel: makes cel-spec's conformance tests into JSON, one test a line. Left out is what Kubernetes does not have:
 * protobuf messages, and the extensions block, math, encoders and proto.
 * update-cel upstream: has upstream judge testdata/expressions.json (conformance/cel) and records what it says.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { moduleDir } from '../update-api.d/modules.ts'
import { type Message, type Value, parseTextproto } from './textproto.ts'

const top = resolve(import.meta.dirname, '../..')
const data = join(top, 'src/api/cel/testdata')
const folder = join(moduleDir('cel.dev/expr'), 'tests/simple/testdata')

const list = (value: Value | Value[] | undefined): Value[] => (value === undefined ? [] : [value].flat())

/** Texts were read as bytes; only those of bytes stay so. */
function decode(value: Value | Value[], field: string): Value | Value[] {
  if (Array.isArray(value)) return value.map((item) => decode(item, field) as Value)
  if (typeof value === 'string') return field === 'bytes_value' || field.includes('bytes') ? value : Buffer.from(value, 'latin1').toString()
  if (typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, decode(inner, name)]))
}

const otherExtensions = new Set(['block_ext', 'math_ext', 'encoders_ext', 'proto2_ext'])
const messages = /TestAllTypes|NestedTestAllTypes|conformance\.proto|GlobalEnum|google\.protobuf\.(?!Timestamp|Duration)|"function":\{|"container":"google\.protobuf"|object_value":\{"\[type\.googleapis\.com\/google\.protobuf\.(?!Timestamp|Duration)/

function conformance(): string {
  const lines: string[] = []
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.textproto')).sort()) {
    const name = basename(file, '.textproto')
    if (otherExtensions.has(name)) continue
    const { section } = parseTextproto(readFileSync(join(folder, file), 'utf8'))
    for (const part of list(section) as Message[]) {
      for (const test of list(part.test) as Message[]) {
        const { description: _, ...facts } = decode(test, '') as Message
        const line = JSON.stringify({ file: name, section: part.name as Value, ...facts })
        if (!messages.test(line)) lines.push(line)
      }
    }
  }
  return `[\n${lines.join(',\n')}\n]\n`
}

/** Upstream's verdicts, an expression a line. */
function upstream(): string {
  const said = execFileSync('go', ['run', './cel'], {
    cwd: join(top, 'conformance'), input: readFileSync(join(data, 'expressions.json')), maxBuffer: 1 << 28, encoding: 'utf8',
  })
  const groups = Object.entries(JSON.parse(said) as Record<string, Record<string, unknown>>).map(([group, verdicts]) => {
    const lines = Object.entries(verdicts).map(([text, verdict]) => `${JSON.stringify(text)}:${JSON.stringify(verdict)}`)
    return `${JSON.stringify(group)}:{\n${lines.join(',\n')}\n}`
  })
  return `{\n${groups.join(',\n')}\n}\n`
}

if (process.argv[2] === 'upstream') writeFileSync(join(data, 'upstream.json'), upstream())
else writeFileSync(join(data, 'conformance.json'), conformance())
