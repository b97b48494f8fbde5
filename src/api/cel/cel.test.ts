import { expect, test } from 'vitest'
import { DYN, INT, LazyMap, declareSchema, formatValue, kubernetesEnvironment, schemaProvider, schemaValue, toJSON } from './index.ts'

const env = kubernetesEnvironment({ variables: { object: DYN, n: INT } })
const object = {
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: { replicas: 3, names: ['a', 'bb', 'ccc'], ratio: 0.5, nothing: null },
}

/** The value as text, or the error. */
function run(expression: string): string {
  const compiled = env.compile(expression)
  if (!compiled.ok) return compiled.message
  const result = compiled.program.evaluate({ object, n: 4 })
  return result.ok ? formatValue(result.value) : result.error
}

test.each([
  ['object.spec.replicas <= 5 && n > 3', 'true'],
  ['object.spec.names.all(x, size(x) < 4)', 'true'],
  ['object.spec.names.exists(x, x.startsWith("b"))', 'true'],
  ['has(object.spec.missing) && object.spec.missing == 1', 'false'],
  ['has(object.spec.nothing)', 'true'],
  ['object.spec.missing == 1', 'no such key: missing'],
  ['object.spec.missing == 1 || true', 'true'],
  ['object.spec.names[7]', 'index out of bounds: 7'],
  ['object.spec.?missing.orValue(5)', '5'],
  ['object.spec.?names[?1].hasValue()', 'true'],
  ['optional.of(3).optMap(x, x + 1)', 'optional(4)'],
  ['[?object.?missing, ?object.?metadata.?name]', '[web]'],
  ['[1, 2, 3].map(x, x > 1, x * 2)', '[4, 6]'],
  ['{"a": 1}.transformMap(k, v, v + 1)', '{a: 2}'],
  ['object.spec.names.transformList(i, v, string(i) + v)', '[0a, 1bb, 2ccc]'],
  ['object.spec.replicas + 0.5', 'no such overload'],
  ['object.spec.ratio < 1', 'true'],
  ['9223372036854775807 + 1', 'integer overflow'],
  ['duration("1h30m") == duration("90m")', 'true'],
  ['timestamp("2024-02-29T12:00:00Z").getDayOfYear()', '59'],
  ['type(object.spec.replicas) == int', 'true'],
  ['int("x")', "type conversion error from 'string' to 'int'"],
  ['[1, 2].sum() == 3 && ["a", "b"].isSorted()', 'true'],
  ["url('https://example.com:80/a?q=1').getPort()", '80'],
])('%s is %s', (expression, expected) => {
  expect(run(expression)).toBe(expected)
})

test.each([
  ['x', "ERROR: <input>:1:1: undeclared reference to 'x' (in container '')\n | x\n | ^"],
  ['n.foo', "ERROR: <input>:1:2: type 'int' does not support field selection\n | n.foo\n | .^"],
  ['1 + "a"', "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + \"a\"\n | ..^"],
  ['n ? 1 : 2', "ERROR: <input>:1:3: found no matching overload for '_?_:_' applied to '(int, int, int)'\n | n ? 1 : 2\n | ..^"],
  ['[1, "a"]', "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, \"a\"]\n | ....^"],
  ['a b', "ERROR: <input>:1:3: Syntax error: extraneous input 'b' expecting <EOF>\n | a b\n | ..^"],
])('%s does not compile', (expression, message) => {
  expect(run(expression)).toBe(message)
})

// cel-go gives the same texts.
test.each([
  ['a}'.repeat(300), "error recovery token lookahead limit exceeded: 256"],
  ['f(,'.repeat(40), 'Syntax error: error recovery attempt limit exceeded: 30'],
  ['@'.repeat(150), '1 more errors were truncated'],
])('a text that is broken throughout is given up', (expression, message) => {
  expect(run(expression)).toContain(message)
  expect(run(expression).length).toBeLessThan(50_000)
})

test('work is counted and limited', () => {
  const compiled = env.compile('object.spec.names.all(x, object.spec.names.all(y, x == x))')
  if (!compiled.ok) throw new Error(compiled.message)
  const full = compiled.program.evaluate({ object })
  expect(full).toMatchObject({ ok: true, value: true })
  expect(compiled.program.evaluate({ object }, { limit: full.cost })).toMatchObject({ ok: true })
  expect(compiled.program.evaluate({ object }, { limit: full.cost - 1 })).toMatchObject({
    ok: false, error: 'operation cancelled: actual cost limit exceeded', limitExceeded: true,
  })
})

test('schemas give fields their types', () => {
  const schema = {
    type: 'object' as const,
    properties: {
      spec: {
        type: 'object' as const,
        properties: {
          ratio: { type: 'number' as const },
          at: { type: 'string' as const, format: 'date-time' },
          namespace: { type: 'string' as const },
          tags: { type: 'array' as const, listType: 'set' as const, items: { type: 'string' as const } },
        },
      },
    },
  }
  const declaration = declareSchema(schema, 'selfType', true)
  if (!declaration) throw new Error('no declaration')
  const typed = kubernetesEnvironment({ variables: { self: declaration.type }, structs: [schemaProvider(declaration)] })
  const self = schemaValue(
    { metadata: { name: 'x' }, spec: { ratio: 2, at: '2024-01-01T00:00:00Z', namespace: 'ns', tags: ['a', 'b'] } }, schema, true,
  )
  const value = (expression: string): unknown => {
    const compiled = typed.compile(expression)
    if (!compiled.ok) return compiled.message
    const result = compiled.program.evaluate({ self })
    return result.ok ? toJSON(result.value) : result.error
  }
  expect(value('self.spec.ratio * 1.5')).toBe(3)
  expect(value('self.spec.at.getFullYear()')).toBe(2024)
  expect(value('self.spec.__namespace__ + self.metadata.name')).toBe('nsx')
  expect(value('self.spec.tags == ["b", "a"]')).toBe(true)
  expect(value('self.spec.missing')).toContain("undefined field 'missing'")
})

test('lazy variables are computed when read', () => {
  const asked: string[] = []
  class Variables extends LazyMap {
    override has(): boolean { return true }
    override keys(): readonly string[] { return ['a', 'b'] }
    override get(key: string): unknown {
      asked.push(key)
      return 1
    }
  }
  const compiled = env.compile('object.a == 1 || object.b == 1')
  if (!compiled.ok) throw new Error(compiled.message)
  expect(compiled.program.evaluate({ object: new Variables() })).toMatchObject({ value: true })
  expect(asked).toEqual(['a'])
})
