/** /statusz and /flagz: how a component runs and with which flags (upstream: apiserver/pkg/server/{statusz,flagz}). */
import { formatTime } from '../meta/time.ts'
import { versionInfo } from '../meta/version.ts'
import type { Page } from './negotiate.ts'

/** What is between a name and its value changes, so that nobody reads the text with a program. */
const separators: readonly string[] = [':', ': ', '=', ' ']

const heading = (component: string, page: string): string =>
  `\n${component} ${page}\nWarning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.\n`

const separator = (chance: number): string => separators[Math.floor(chance * separators.length)]!

export interface StatuszFacts {
  readonly component: string
  /** ms since the epoch. */
  readonly startedAt: number
  readonly now: number
  /** Everything that the component serves; only the first element of each counts. */
  readonly paths: readonly string[]
  /** In [0, 1): chooses the separator. */
  readonly chance: number
}

/** What /statusz tells. */
export function statusz(facts: StatuszFacts): Page {
  const { component, startedAt } = facts
  const seconds = Math.max(0, Math.floor((facts.now - startedAt) / 1000))
  const paths = debuggingPaths(facts.paths)
  const binaryVersion = versionInfo.gitVersion.slice(1)
  const emulationVersion = `${versionInfo.emulationMajor}.${versionInfo.emulationMinor}`
  return {
    kind: 'Statusz',
    text() {
      const between = separator(facts.chance)
      const two = (value: number): string => String(value).padStart(2, '0')
      const lines: readonly (readonly [string, string])[] = [
        ['Started', unixDate(startedAt)], ['Up', `${Math.floor(seconds / 3600)} hr ${two(Math.floor(seconds / 60) % 60)} min ${two(seconds % 60)} sec`],
        ['Go version', versionInfo.goVersion], ['Binary version', binaryVersion], ['Emulation version', emulationVersion],
        ...(paths.length === 0 ? [] : [['Paths', paths.join(' ')] as const]),
      ]
      return `${heading(component, 'statusz')}\n${lines.map(([name, value]) => `${name}${between} ${value}\n`).join('')}${paths.length === 0 ? '\n' : ''}`
    },
    object: () => ({
      metadata: { name: component }, startTime: formatTime(startedAt), uptimeSeconds: seconds, goVersion: versionInfo.goVersion,
      binaryVersion, emulationVersion, paths: paths.length === 0 ? null : paths,
    }),
  }
}

/** What /flagz tells: flags by name, with their values as texts. */
export function flagz(component: string, flags: Readonly<Record<string, string>>, chance: number): Page {
  const sorted = Object.entries(flags).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    kind: 'Flagz',
    text() {
      const between = separator(chance)
      return heading(component, 'flagz') + sorted.map(([name, value]) => `${name}${between}${value}\n`).join('')
    },
    object: () => ({ metadata: { name: component }, ...(sorted.length === 0 ? {} : { flags: Object.fromEntries(sorted) }) }),
  }
}

/** The API itself is no help in finding out what is wrong. */
const others = new Set(['apis', 'api', 'openid', 'openapi', '.well-known'])

function debuggingPaths(paths: readonly string[]): string[] {
  const folders = paths.map((path) => path.split('/')[1] ?? '').filter((folder) => folder !== '' && !others.has(folder))
  return [...new Set(folders)].sort().map((folder) => `/${folder}`)
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Go's time.UnixDate, in UTC: "Sat Nov  7 08:15:56 UTC 2026". */
function unixDate(ms: number): string {
  const date = new Date(Math.floor(ms / 1000) * 1000)
  return `${days[date.getUTCDay()]} ${months[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${date.toISOString().slice(11, 19)} UTC ${date.getUTCFullYear()}`
}
