/**
 * `make` of two frozen objects, made once while both live. A service with thousands of pods is looked at after each
 * change of one of them: what the others add has been worked out before.
 */
export function perPair<A extends object, B extends object, R>(make: (a: A, b: B) => R): (a: A, b: B) => R {
  const known = new WeakMap<A, WeakMap<B, { readonly result: R }>>()
  return (a, b) => {
    let of = known.get(a)
    if (of === undefined) known.set(a, (of = new WeakMap()))
    let found = of.get(b)
    if (found === undefined) of.set(b, (found = { result: make(a, b) }))
    return found.result
  }
}
