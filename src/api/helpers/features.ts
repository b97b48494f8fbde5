/** Feature gates as --feature-gates sets them (k8s.io/component-base/featuregate). */
import { featureGates } from '../generated/feature-gates.ts'

const wholes: Readonly<Record<string, 'Alpha' | 'Beta'>> = { AllAlpha: 'Alpha', AllBeta: 'Beta' }

/**
 * Which gates are on when these are set, by name, "true" or "false": what is said of a single one counts more than
 * AllAlpha and AllBeta, these more than the defaults. Throws an Error in upstream's words for what cannot be set.
 */
export function featuresFrom(given: Readonly<Record<string, string>>): (name: string) => boolean {
  const said = new Map(Object.entries(given).map(([name, text]) => [name, checked(name, text)]))
  const feature = (name: string): boolean => {
    const gate = featureGates[name]
    if (gate === undefined) return false
    const own = said.get(name)
    if (own !== undefined || gate.locked === true) return own ?? gate.default
    const whole = Object.keys(wholes).find((all) => wholes[all] === gate.stage)
    return (whole === undefined ? undefined : said.get(whole)) ?? gate.default
  }
  for (const [name, { needs = [] }] of Object.entries(featureGates)) {
    const missing = feature(name) ? needs.filter((other) => Object.hasOwn(featureGates, other) && !feature(other)) : []
    if (missing.length > 0) throw new Error(`${name} is enabled, but depends on features that are disabled: [${missing.join(' ')}]`)
  }
  return feature
}

function checked(name: string, text: string): boolean {
  const gate = featureGates[name]
  if (gate === undefined && !Object.hasOwn(wholes, name)) throw new Error(`unrecognized feature gate: ${name}`)
  const value = /^(?:1|t|T|true|TRUE|True)$/.test(text)
  if (!value && !/^(?:0|f|F|false|FALSE|False)$/.test(text)) throw new Error(`invalid value of ${name}=${text}, err: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
  if (gate?.locked === true && gate.default !== value) throw new Error(`cannot set feature gate ${name} to ${value}, feature is locked to ${gate.default}`)
  return value
}
