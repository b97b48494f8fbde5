/** Named formats: `format.dns1123Label().validate(name)` (apiserver/pkg/cel/library/format.go). */
import {
  isLabelValue, isQualifiedName, nameIsDNS1035Label, nameIsDNSLabel, nameIsDNSSubdomain,
} from '../../meta/names.ts'
import { formatCheck } from '../../schema/formats.ts'
import type { Library } from '../checker/declarations.ts'
import { STRING, listType, optionalType, structType, type CelType } from '../types.ts'
import { type CelError, NONE, Opaque, noSuchOverload, some } from '../values.ts'
import { fn, global, method } from './define.ts'
import { parseRequestURL } from './go-url.ts'

const formatType = structType('kubernetes.NamedFormat')

type Validate = (text: string) => readonly string[]

export class FormatValue extends Opaque {
  readonly name: string
  readonly validate: Validate
  /** How long the pattern is, or one that would do the same: validating costs accordingly. */
  readonly patternSize: number
  get type(): CelType { return formatType }

  constructor(name: string, patternSize: number, validate: Validate) {
    super()
    this.name = name
    this.patternSize = patternSize
    this.validate = validate
  }

  equals(other: unknown): boolean | CelError {
    return other instanceof FormatValue ? other.name === this.name : noSuchOverload()
  }

  toString(): string {
    return this.name
  }
}

const named = (format: string, problem: string): Validate => {
  const check = formatCheck(format)
  return (text) => (check?.(text) ? [] : [problem])
}

// strfmt's patterns for UUIDs and RFC 3339, whose lengths are the cost of these formats.
const uuidSize = 70
const dateTimeSize = 70

function validateURI(text: string): readonly string[] {
  const url = parseRequestURL(text)
  return 'error' in url ? [url.error] : []
}

const formats: Readonly<Record<string, FormatValue>> = {
  dns1123Label: new FormatValue('DNS1123Label', 30, (text) => nameIsDNSLabel(text, false)),
  dns1123Subdomain: new FormatValue('DNS1123Subdomain', 60, (text) => nameIsDNSSubdomain(text, false)),
  dns1035Label: new FormatValue('DNS1035Label', 30, (text) => nameIsDNS1035Label(text, false)),
  qualifiedName: new FormatValue('QualifiedName', 60, isQualifiedName),
  dns1123LabelPrefix: new FormatValue('DNS1123LabelPrefix', 30, (text) => nameIsDNSLabel(text, true)),
  dns1123SubdomainPrefix: new FormatValue('DNS1123SubdomainPrefix', 60, (text) => nameIsDNSSubdomain(text, true)),
  dns1035LabelPrefix: new FormatValue('DNS1035LabelPrefix', 30, (text) => nameIsDNS1035Label(text, true)),
  labelValue: new FormatValue('LabelValue', 40, isLabelValue),
  uri: new FormatValue('URI', 1103, validateURI),
  uuid: new FormatValue('uuid', uuidSize, named('uuid', 'does not match the UUID format')),
  byte: new FormatValue('byte', 84, named('byte', 'invalid base64')),
  date: new FormatValue('date', dateTimeSize, named('date', 'invalid date')),
  datetime: new FormatValue('datetime', dateTimeSize, named('datetime', 'invalid datetime')),
}

export const formatLibrary: Library = {
  functions: [
    ...Object.entries(formats).map(([name, value]) =>
      fn(`format.${name}`, [global(`format.${name}`, [], formatType, () => value)])),
    fn('format.named', [
      global('format-named', [STRING], optionalType(formatType), (name) =>
        Object.hasOwn(formats, name as string) ? some(formats[name as string]) : NONE),
    ]),
    fn('validate', [
      method('format-validate', [formatType, STRING], optionalType(listType(STRING)), (format, text) => {
        const problems = (format as FormatValue).validate(text as string)
        return problems.length === 0 ? NONE : some(problems)
      }),
    ]),
  ],
}
