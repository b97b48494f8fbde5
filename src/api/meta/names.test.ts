import { describe, expect, test } from 'vitest'
import {
  isCIdentifier, isConfigMapKey, isDNS1035Label, isDNS1123Label, isDNS1123Subdomain, isDecimalInteger, isEnvVarName, isHTTPHeaderName,
  isLabelValue, isPathSegmentName, isPercent, isPortName, isPortNumber, isQualifiedName, isRelaxedEnvVarName, isUserID,
  isWildcardDNS1123Subdomain, nameIsDNSLabel, nameIsDNSSubdomain,
} from './names.ts'

const long = (n: number): string => 'a'.repeat(n)

describe('right values', () => {
  test.each([
    [isDNS1123Label, ['a', '0-9', long(63)]],
    [isDNS1123Subdomain, ['a.b', 'a-b.c0', long(63)]],
    [isDNS1035Label, ['a', 'a-1']],
    [isQualifiedName, ['a', 'A_b.c', 'x.y/Z', `${'a.'.repeat(126)}a/b`]],
    [isLabelValue, ['', 'A', 'a_b.c-d', long(63)]],
    [isPortName, ['http', 'a-1']],
    [isEnvVarName, ['A', '_a.b-c']],
    [isRelaxedEnvVarName, ['1 a', '$x']],
    [isConfigMapKey, ['a.b', '.a', 'A_b-c']],
    [isPathSegmentName, ['a:b', 'A b']],
    [isPercent, ['0%', '100%']],
    [isHTTPHeaderName, ['X-A']],
    [isCIdentifier, ['_a1']],
    [isDecimalInteger, ['0', '-12', '99']],
    [isWildcardDNS1123Subdomain, ['*.a.b']],
  ] as const)('%O', (check, values) => {
    for (const value of values) expect(check(value)).toEqual([])
  })
})

describe('texts', () => {
  test.each([
    [isDNS1123Label('a.b'), ['must not contain dots']],
    [isDNS1123Label(long(64)), ['must be no more than 63 characters']],
    [isDNS1123Label('A'), ["a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"]],
    [isDNS1123Subdomain('a_b'), ["a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"]],
    [isLabelValue(long(64)), ['must be no more than 63 bytes']],
    [isQualifiedName(''), ['name part must be non-empty', "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"]],
    [isQualifiedName(`/${long(64)}`), ['prefix part must be non-empty', 'name part must be no more than 63 bytes']],
    [isPortNumber(0), ['must be between 1 and 65535, inclusive']],
    [isUserID(-1), ['must be between 0 and 2147483647, inclusive']],
    [isPortName('0--0-'), ['must contain at least one letter (a-z)', 'must not contain consecutive hyphens', 'must not begin or end with a hyphen']],
    [isPathSegmentName('..'), ["may not be '..'"]],
    [isPathSegmentName('a/b%'), ["may not contain '/'", "may not contain '%'"]],
    [isConfigMapKey('..a'), ["must not start with '..'"]],
    [isEnvVarName('..'), ["must not be '..'"]],
    [isRelaxedEnvVarName('a=b'), ["a valid environment variable name must consist only of printable ASCII characters other than '='"]],
    [isDecimalInteger('01'), ['must be a valid decimal integer in canonical form']],
  ])('%#', (actual, expected) => {
    expect(actual).toEqual(expected)
  })
})

test('a dash at the end of generateName is no fault', () => {
  expect(nameIsDNSSubdomain('web-', true)).toEqual([])
  expect(nameIsDNSLabel('web-', false)).toHaveLength(1)
})
