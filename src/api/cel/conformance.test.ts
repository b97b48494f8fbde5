/** The official conformance tests of cel-spec, as far as they are about what Kubernetes has (hack/update-cel). */
import { expect, test } from 'vitest'
import { Environment } from './environment.ts'
import { kubernetesLibraries, kubernetesMacros } from './library/index.ts'
import { bindMacro } from './syntax/macros.ts'
import data from './testdata/conformance.json' with { type: 'json' }
import { stringReverse } from './testing/libraries.ts'
import { type ConformanceTest, bindingsOf, same, typeOfData, valueOfData, variablesOf } from './testing/conformance.ts'

/** Where upstream's cel-go, as Kubernetes has it, differs from the specification (asked of upstream itself). */
const differences: ReadonlySet<string> = new Set([
  // Keys of map literals are not checked.
  'fields/qualified_identifier_resolution/map_key_float',
  'fields/qualified_identifier_resolution/map_value_repeat_key',
  'fields/qualified_identifier_resolution/map_value_repeat_key_heterogeneous',
  // Constant keys that no map can have are found when the program is made.
  'fields/map_fields/map_bad_key_type_or_true',
  'fields/map_fields/map_bad_key_type_and_false',
  // Looking for fields of what has none finds none, without an error.
  'optionals/optionals/map_null_entry_no_such_key',
  'optionals/optionals/map_present_key_invalid_field',
  // Kubernetes has version 2 of the strings library: offsets beyond the end find nothing.
  'string_ext/value_errors/indexof_out_of_range',
  'string_ext/value_errors/lastindexof_out_of_range',
  // All milliseconds of a duration, not those beyond its seconds.
  'timestamps/duration_converters/get_milliseconds',
  // null makes a list a list of nulls.
  'type_deduction/legacy_nullable_types/null_assignable_to_abstract_parameter_candidate',
])

/** Version 2 of the strings library formats by the locale; upstream.test.ts tells how. */
const formats = new Set(['format', 'format_errors'])

const tests = data as unknown as readonly ConformanceTest[]
const nameOf = ({ file, section, name }: ConformanceTest): string => `${file}/${section}/${name}`

function environment(t: ConformanceTest): Environment {
  return new Environment({
    variables: variablesOf(t),
    libraries: [...kubernetesLibraries, stringReverse],
    macros: [...kubernetesMacros, bindMacro],
    container: t.container ?? '',
    escapedIdentifiers: true,
    validated: false,
    unchecked: t.disable_check === true,
  })
}

/** What is wrong with our answer to a test; undefined when nothing is. */
function problem(t: ConformanceTest): string | undefined {
  const fails = t.eval_error !== undefined || t.any_eval_errors !== undefined
  const compiled = environment(t).compile(t.expr)
  if (!compiled.ok) return fails ? undefined : compiled.message
  const deduced = t.typed_result?.deduced_type
  if (deduced !== undefined) {
    const wanted = String(typeOfData(deduced as Parameters<typeof typeOfData>[0]))
    if (String(compiled.type) !== wanted) return `type ${String(compiled.type)}, not ${wanted}`
  }
  if (t.check_only) return undefined
  const result = compiled.program.evaluate(bindingsOf(t), { limit: Infinity })
  if (fails) return result.ok ? 'no error' : undefined
  if (!result.ok) return result.error
  const wanted = t.typed_result === undefined ? t.value : (t.typed_result.result as ConformanceTest['value'])
  return same(result.value, wanted === undefined ? true : valueOfData(wanted)) ? undefined : 'another value'
}

test('cel-spec: every test gives what it should', () => {
  expect(tests.length).toBeGreaterThan(1300)
  const wrong: string[] = []
  for (const t of tests) {
    if (t.file === 'string_ext' && formats.has(t.section)) continue
    const found = problem(t)
    if (found !== undefined && !differences.has(nameOf(t))) wrong.push(`${nameOf(t)}: ${t.expr}: ${found}`)
    if (found === undefined && differences.has(nameOf(t))) wrong.push(`${nameOf(t)} is no difference`)
  }
  expect(wrong).toEqual([])
})
