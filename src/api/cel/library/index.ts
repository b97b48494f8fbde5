/** The functions and macros that every expression of Kubernetes may use (apiserver/pkg/cel/environment/base.go). */
import type { Library } from '../checker/declarations.ts'
import type { Macro } from '../syntax/macros.ts'
import { authzLibrary } from './authz.ts'
import { comprehensionsLibrary } from './comprehensions.ts'
import { formatLibrary } from './formats.ts'
import { cidrLibrary, ipLibrary } from './ip.ts'
import { jsonPatchLibrary } from './json-patch.ts'
import { listExtensionsLibrary, sortByMacro } from './list-extensions.ts'
import { listsLibrary } from './lists.ts'
import { optionalLibrary } from './optional.ts'
import { quantityLibrary } from './quantity.ts'
import { regexLibrary } from './regex.ts'
import { semverLibrary } from './semver.ts'
import { setsLibrary } from './sets.ts'
import { stringsLibrary } from './strings.ts'
import { urlsLibrary } from './urls.ts'

export const kubernetesLibraries: readonly Library[] = [
  urlsLibrary, regexLibrary, listsLibrary, authzLibrary, optionalLibrary, quantityLibrary, stringsLibrary, setsLibrary,
  ipLibrary, cidrLibrary, formatLibrary, comprehensionsLibrary, semverLibrary, listExtensionsLibrary,
]

export const kubernetesMacros: readonly Macro[] = [sortByMacro]

/** What expressions of mutating policies may use beyond that. */
export const mutationLibraries: readonly Library[] = [jsonPatchLibrary]
