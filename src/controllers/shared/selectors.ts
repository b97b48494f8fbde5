/** Selectors of cached objects, compiled once: cached objects are frozen, so their selector is a good key. */
import { type LabelSelector, type LabelSelectorObject, selectNothing, selectorFromObject, selectorFromSet } from '../../api/meta/selectors.ts'

const compiled = new WeakMap<object, LabelSelector>()

/** The selector; one that is invalid or absent selects nothing. */
export function compileSelector(selector: LabelSelectorObject | undefined): LabelSelector {
  if (selector === undefined || selector === null) return selectNothing
  return remember(selector, () => ofText(selector))
}

/** The selector of a plain map (services, replication controllers); absent selects nothing. */
export function compileSet(set: Readonly<Record<string, string>> | undefined): LabelSelector {
  if (set === undefined || set === null) return selectNothing
  return remember(set, () => selectorFromSet(set))
}

/** Selectors outlive objects: each change of a status brings an equal one. */
const byText = new Map<string, LabelSelector>()
const maxTexts = 10_000

function ofText(selector: LabelSelectorObject): LabelSelector {
  const text = JSON.stringify(selector)
  const known = byText.get(text)
  if (known !== undefined) return known
  const made = selectorFromObject(selector)
  if (byText.size >= maxTexts) byText.clear()
  byText.set(text, made)
  return made
}

function remember(key: object, make: () => LabelSelector): LabelSelector {
  const known = compiled.get(key)
  if (known !== undefined) return known
  let selector = selectNothing
  try {
    selector = make()
  } catch {
    // Stored before validation knew better; it must not select by accident.
  }
  compiled.set(key, selector)
  return selector
}
