/** What the macros of two-variable comprehensions call (cel-go ext/comprehensions.go); the planner does the work. */
import type { Library } from '../checker/declarations.ts'
import { mapType } from '../types.ts'
import { A, B, fn, global } from './define.ts'

const mapAB = mapType(A, B)

export const comprehensionsLibrary: Library = {
  functions: [
    fn('cel.@mapInsert', [
      global('@mapInsert_map_key_value', [mapAB, A, B], mapAB),
      global('@mapInsert_map_map', [mapAB, mapAB], mapAB),
    ]),
  ],
}
