/** jsonpatch.escapeKey (apiserver/pkg/cel/library/jsonpatch.go). */
import type { Library } from '../checker/declarations.ts'
import { STRING } from '../types.ts'
import { fn, global } from './define.ts'

export const jsonPatchLibrary: Library = {
  functions: [
    fn('jsonpatch.escapeKey', [
      global('string_jsonpatch_escapeKey_string', [STRING], STRING, (key) =>
        (key as string).replaceAll('~', '~0').replaceAll('/', '~1')),
    ]),
  ],
}
