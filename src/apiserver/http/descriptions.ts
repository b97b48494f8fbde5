/**
 * Where descriptions come from, which `kubectl explain` shows. They are no part of this repository: the build of the package
 * gathers them from @kubernetes/client-node's declarations into one file beside the program (hack/build-package.ts), and a
 * server that runs from its sources reads the declarations that are installed.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync } from 'node:zlib'
import { type Description, modelNames, parseModel } from '../extend/descriptions.ts'

export const descriptionsFile = 'descriptions.json.br'

/** The folder of the installed declarations; undefined where they are not installed. */
function modelsFolder(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('@kubernetes/client-node')), 'gen/models')
  } catch {
    return undefined
  }
}

function fromModels(folder: string, definition: string): Description | undefined {
  const file = modelNames(definition).map((name) => join(folder, `${name}.d.ts`)).find((path) => existsSync(path))
  return file === undefined ? undefined : parseModel(readFileSync(file, 'utf8'))
}

/** All that the installed declarations say of these definitions; for the build. Throws where they are not installed. */
export function gatherDescriptions(definitions: readonly string[]): Record<string, Description> {
  const folder = modelsFolder()
  if (folder === undefined) throw new Error('@kubernetes/client-node is not installed; run npm ci first')
  return Object.fromEntries(definitions.flatMap((name) => {
    const found = fromModels(folder, name)
    return found === undefined ? [] : [[name, found] as const]
  }))
}

let source: ((definition: string) => Description | undefined) | undefined

function openSource(): (definition: string) => Description | undefined {
  const built = join(dirname(fileURLToPath(import.meta.url)), descriptionsFile)
  if (existsSync(built)) {
    const all = JSON.parse(brotliDecompressSync(readFileSync(built)).toString()) as Record<string, Description>
    return (definition) => all[definition]
  }
  const folder = modelsFolder()
  return folder === undefined ? () => undefined : (definition) => fromModels(folder, definition)
}

/** What is said of a definition; undefined when nothing is. */
export function describe(definition: string): Description | undefined {
  return (source ??= openSource())(definition)
}
