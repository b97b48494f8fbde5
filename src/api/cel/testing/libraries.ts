/** Functions that cel-spec's tests use and Kubernetes does not have. */
import type { Library } from '../checker/declarations.ts'
import { fn, method } from '../library/define.ts'
import { STRING } from '../types.ts'

export const stringReverse: Library = {
  functions: [
    fn('reverse', [method('string_reverse', [STRING], STRING, (text) => Array.from(text as string).reverse().join(''))]),
  ],
}
