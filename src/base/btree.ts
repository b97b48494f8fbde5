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
  return a < b ? -1 : a > b ? 1 : 0
}
