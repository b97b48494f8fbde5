/** Selectors of cached objects, compiled once: cached objects are frozen, so their selector is a good key. */
import { type LabelSelector, type LabelSelectorObject, selectNothing, selectorFromObject, selectorFromSet } from '../../api/meta/selectors.ts'

const compiled = new WeakMap<object, LabelSelector>()

/** The selector; one that is invalid or absent selects nothing. */
export function compileSelector(selector: LabelSelectorObject | undefined): LabelSelector {
  if (selector === undefined || selector === null) return selectNothing
  return remember(selector, () => selectorFromObject(selector))
}

/** The selector of a plain map (services, replication controllers); absent selects nothing. */
export function compileSet(set: Readonly<Record<string, string>> | undefined): LabelSelector {
  if (set === undefined || set === null) return selectNothing
  return remember(set, () => selectorFromSet(set))
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
