/**
 * The ordered map (sorted-btree): O(log n) access, O(1) copy-on-write clone. The package is CommonJS, and loaders differ
 * in whether the default import is its class or its exports; this is the one place that cares.
 */
import sortedBTree from 'sorted-btree'

type Class = typeof sortedBTree.default
export type BTree<K, V> = InstanceType<typeof sortedBTree.default<K, V>>

const BTreeClass: Class = sortedBTree.default ?? (sortedBTree as unknown as Class)

/** An empty map with string keys in UTF-16 order (for the ASCII keys of the API the same as byte order). */
export function newBTree<V>(): BTree<string, V> {
  return new BTreeClass<string, V>(undefined, compareStrings)
}

function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a === b ? 0 : 1
}

/** Like newBTree, for maps that are asked for single keys much more often than they change: those cost a look into a hash. */
export function newIndexedBTree<V>(): BTree<string, V> {
  return new IndexedBTree<V>(undefined, compareStrings)
}

/** The pairs are in a hash map besides. Clones are O(1) as ever: they go without it. */
class IndexedBTree<V> extends BTreeClass<string, V> {
  readonly #index = new Map<string, V>()

  override get(key: string, defaultValue?: V): V | undefined {
    return this.#index.get(key) ?? defaultValue
  }

  override set(key: string, value: V, overwrite?: boolean): boolean {
    if (overwrite !== false || !this.#index.has(key)) this.#index.set(key, value)
    return super.set(key, value, overwrite)
  }

  override delete(key: string): boolean {
    return this.#index.delete(key) && super.delete(key)
  }

  override clear(): void {
    this.#index.clear()
    super.clear()
  }
}
