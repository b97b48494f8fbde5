/** Which images upstream's tests name: asked of the test program itself, so no list of them has to be kept. */

export interface NamedImage {
  /** The repository's last part: "agnhost". */
  readonly recipe: string
  /** As the tests write it. */
  readonly reference: string
}

/**
 * The images of `e2e.test --list-images` that tests run from the project's own registry. Left out are those of other
 * registries: tests want to see that they cannot be pulled.
 */
export function namedImages(listing: string): NamedImage[] {
  const all = listing.split('\n').map((line) => /^(\S+?)\/(?:\S+\/)?([^/\s]+):([^/\s]+)$/.exec(line.trim())).filter((match) => match !== null)
  const home = all.find(([, , name]) => name === 'pause')?.[1]
  if (home === undefined) throw new Error('e2e.test --list-images names no pause image')
  return all.filter(([, host]) => host === home).map(([reference, , recipe]) => ({ recipe: recipe!, reference: reference! })).sort((a, b) => (a.reference < b.reference ? -1 : 1))
}
