/** The functions that every expression of Kubernetes may use (apiserver/pkg/cel/environment/base.go). */
import type { Library } from '../checker/declarations.ts'
import { comprehensionsLibrary } from './comprehensions.ts'
import { listsLibrary } from './lists.ts'
import { optionalLibrary } from './optional.ts'
import { regexLibrary } from './regex.ts'
import { urlsLibrary } from './urls.ts'

export const kubernetesLibraries: readonly Library[] = [
  optionalLibrary, comprehensionsLibrary, listsLibrary, regexLibrary, urlsLibrary,
]
