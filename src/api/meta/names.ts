/**
 * Names and values with a fixed form (apimachinery pkg/util/validation and pkg/api/validate/content). Every check
 * answers the list of what is wrong, in upstream's words; an empty list means right. The two packages count "characters"
 * and "bytes" in their texts, so both forms exist here.
 */
import { byteLength } from './go-text.ts'

const none: string[] = []

export const maxLenError = (length: number): string => `must be no more than ${length} characters`
export const maxBytesError = (length: number): string => `must be no more than ${length} bytes`
export const emptyError = 'must be non-empty'
export const inclusiveRangeError = (low: number, high: number): string =>
  `must be between ${low} and ${high}, inclusive`

/** A text about a regular expression, with examples of right values. */
export function regexError(message: string, regex: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${regex}')`
  return `${message} (e.g. ${examples.map((e) => `'${e}', `).join(' or ')}regex used for validation is '${regex}')`
}

const labelFormat = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const subdomainFormat = `${labelFormat}(\\.${labelFormat})*`
const labelRegex = new RegExp(`^${labelFormat}$`)
const subdomainRegex = new RegExp(`^${subdomainFormat}$`)
const labelMessage = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
const subdomainMessage = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"

/** A DNS label of at most 63 characters. */
export function isDNS1123Label(value: string): string[] {
  if (value.length <= 63 && labelRegex.test(value)) return none
  const errors: string[] = []
  if (byteLength(value) > 63) errors.push(maxLenError(63))
  if (!labelRegex.test(value)) {
    errors.push(
      subdomainRegex.test(value) ? 'must not contain dots' : regexError(labelMessage, labelFormat, 'my-name', '123-abc'),
    )
  }
  return errors
}

/** Dotted DNS labels, at most 253 characters. */
export function isDNS1123Subdomain(value: string): string[] {
  return subdomain(value, maxLenError)
}

function subdomain(value: string, tooLong: (length: number) => string): string[] {
  if (value.length <= 253 && subdomainRegex.test(value)) return none
  const errors: string[] = []
  if (byteLength(value) > 253) errors.push(tooLong(253))
  if (!subdomainRegex.test(value)) errors.push(regexError(subdomainMessage, subdomainFormat, 'example.com'))
  return errors
}

const caselessRegex = new RegExp(`^${subdomainFormat}$`, 'i')

/** The same for names whose letters may be capitals, which are others then. */
export function isDNS1123SubdomainCaseless(value: string): string[] {
  const errors: string[] = []
  if (byteLength(value) > 253) errors.push(maxLenError(253))
  if (!caselessRegex.test(value)) {
    errors.push(regexError("an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character", subdomainFormat, 'Example.com'))
  }
  return errors
}

const underscoreLabel = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const underscoreFormat = `${underscoreLabel}(\\.${underscoreLabel})*`
const underscoreRegex = new RegExp(`^${underscoreFormat}$`)

export function isDNS1123SubdomainWithUnderscore(value: string): string[] {
  const errors: string[] = []
  if (byteLength(value) > 253) errors.push(maxLenError(253))
  if (!underscoreRegex.test(value)) {
    errors.push(
      regexError("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character", underscoreFormat, 'example.com'),
    )
  }
  return errors
}

const dns1035Format = '[a-z]([-a-z0-9]*[a-z0-9])?'
const dns1035Regex = new RegExp(`^${dns1035Format}$`)

/** A DNS label that starts with a letter: Service names. */
export function isDNS1035Label(value: string): string[] {
  const errors: string[] = []
  if (byteLength(value) > 63) errors.push(maxLenError(63))
  if (!dns1035Regex.test(value)) {
    errors.push(
      regexError("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character", dns1035Format, 'my-name', 'abc-123'),
    )
  }
  return errors
}

const wildcardFormat = `\\*\\.${subdomainFormat}`
const wildcardRegex = new RegExp(`^${wildcardFormat}$`)

/** "*.example.com". */
export function isWildcardDNS1123Subdomain(value: string): string[] {
  const errors: string[] = []
  if (byteLength(value) > 253) errors.push(maxLenError(253))
  if (!wildcardRegex.test(value)) {
    errors.push(
      regexError("a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character", wildcardFormat, '*.example.com'),
    )
  }
  return errors
}

const keyFormat = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
// The same language as keyFormat, written so that matching is linear.
const keyRegex = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/
const keyMessage = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
const keyExamples = ['MyName', 'my.name', '123-abc'] as const

/** A label key: an optional DNS prefix, a slash and a name. Upstream's IsQualifiedName. */
export function isQualifiedName(value: string): string[] {
  const parts = value.split('/')
  const errors: string[] = []
  let name = parts[0]!
  if (parts.length === 2) {
    name = parts[1]!
    const prefix = parts[0]!
    if (prefix === '') errors.push(`prefix part ${emptyError}`)
    else for (const message of subdomain(prefix, maxBytesError)) errors.push(`prefix part ${message}`)
  } else if (parts.length > 2) {
    return [`a valid label key ${regexError(keyMessage, keyFormat, ...keyExamples)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  if (name === '') errors.push(`name part ${emptyError}`)
  else if (byteLength(name) > 63) errors.push(`name part ${maxBytesError(63)}`)
  if (!keyRegex.test(name)) errors.push(`name part ${regexError(keyMessage, keyFormat, ...keyExamples)}`)
  return errors.length === 0 ? none : errors
}

const valueFormat = `(${keyFormat})?`
const valueMessage = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

export function isLabelValue(value: string): string[] {
  const right = value === '' || keyRegex.test(value)
  if (right && value.length <= 63) return none
  const errors: string[] = []
  if (byteLength(value) > 63) errors.push(maxBytesError(63))
  if (!right) errors.push(regexError(valueMessage, valueFormat, 'MyValue', 'my_value', '12345'))
  return errors
}

const identifierFormat = '[A-Za-z_][A-Za-z0-9_]*'
const identifierRegex = new RegExp(`^${identifierFormat}$`)

export function isCIdentifier(value: string): string[] {
  return identifierRegex.test(value) ? none
    : [regexError("a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'", identifierFormat, 'my_name', 'MY_NAME', 'MyName')]
}

/** 1 to 65535. */
export function isPortNumber(port: number): string[] {
  return port >= 1 && port <= 65535 ? none : [inclusiveRangeError(1, 65535)]
}

export function isInRange(value: number, low: number, high: number): string[] {
  return value >= low && value <= high ? none : [inclusiveRangeError(low, high)]
}

/** A numeric user or group id. */
export function isUserID(id: number): string[] {
  return isInRange(id, 0, 2147483647)
}

/** An IANA service name, as in a container port. */
export function isPortName(port: string): string[] {
  const errors: string[] = []
  if (byteLength(port) > 15) errors.push(maxLenError(15))
  if (!/^[-a-z0-9]+$/.test(port)) errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(port)) errors.push('must contain at least one letter (a-z)')
  if (port.includes('--')) errors.push('must not contain consecutive hyphens')
  if (port.startsWith('-') || port.endsWith('-')) errors.push('must not begin or end with a hyphen')
  return errors
}

export function isPercent(value: string): string[] {
  return /^[0-9]+%$/.test(value) ? none
    : [regexError("a valid percent string must be a numeric string followed by an ending '%'", '[0-9]+%', '1%', '93%')]
}

export function isHTTPHeaderName(value: string): string[] {
  return /^[-A-Za-z0-9]+$/.test(value) ? none
    : [regexError("a valid HTTP header must consist of alphanumeric characters or '-'", '[-A-Za-z0-9]+', 'X-Header-Name')]
}

/** The strict form of environment variable names. */
export function isEnvVarName(value: string): string[] {
  const errors: string[] = []
  if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(value)) {
    errors.push(
      regexError("a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit", '[-._a-zA-Z][-._a-zA-Z0-9]*', 'my.env-name', 'MY_ENV.NAME', 'MyEnvName1'),
    )
  }
  return errors.concat(changesDirectory(value))
}

/** The form that pods are checked against: printable ASCII without '='. */
export function isRelaxedEnvVarName(value: string): string[] {
  if (value === '') return [`environment variable name ${emptyError}`]
  return /^[\x20-\x3c\x3e-\x7e]*$/.test(value) ? none
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

/** A key of a ConfigMap's or Secret's data. */
export function isConfigMapKey(value: string): string[] {
  const errors: string[] = []
  if (byteLength(value) > 253) errors.push(maxLenError(253))
  if (!/^[-._a-zA-Z0-9]+$/.test(value)) {
    errors.push(
      regexError("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", '[-._a-zA-Z0-9]+', 'key.name', 'KEY_NAME', 'key-name'),
    )
  }
  return errors.concat(changesDirectory(value))
}

function changesDirectory(value: string): string[] {
  if (value === '.') return ["must not be '.'"]
  if (value === '..') return ["must not be '..'"]
  return value.startsWith('..') ? ["must not start with '..'"] : none
}

/** A name that can stand as one segment of a URL path: the loosest of all (RBAC objects). */
export function isPathSegmentName(name: string): string[] {
  return name === '.' || name === '..' ? [`may not be '${name}'`] : isPathSegmentPrefix(name)
}

export function isPathSegmentPrefix(name: string): string[] {
  const errors: string[] = []
  for (const text of ['/', '%']) if (name.includes(text)) errors.push(`may not contain '${text}'`)
  return errors
}

/** An integer in its one canonical decimal form. */
export function isDecimalInteger(value: string): string[] {
  if (value === '') return [emptyError]
  return /^(0|-?[1-9][0-9]*)$/.test(value) ? none : ['must be a valid decimal integer in canonical form']
}

/** How a kind checks metadata.name; `prefix` is true for generateName, whose last dash a suffix will follow. */
export type NameCheck = (name: string, prefix: boolean) => string[]

const maskTrailingDash = (name: string): string =>
  name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name

export const nameIsDNSSubdomain: NameCheck = (name, prefix) =>
  isDNS1123Subdomain(prefix ? maskTrailingDash(name) : name)
/** The same where upstream's tags state it, whose checks count bytes (k8s-long-name). */
export const nameIsLongName: NameCheck = (name, prefix) => subdomain(prefix ? maskTrailingDash(name) : name, maxBytesError)
export const nameIsDNSLabel: NameCheck = (name, prefix) => isDNS1123Label(prefix ? maskTrailingDash(name) : name)
export const nameIsDNS1035Label: NameCheck = (name, prefix) => isDNS1035Label(prefix ? maskTrailingDash(name) : name)
export const nameIsPathSegment: NameCheck = (name, prefix) =>
  (prefix ? isPathSegmentPrefix(name) : isPathSegmentName(name))
