/** A path below a root that no link can lead out of: links are followed as if the root were "/". Upstream: filepath-securejoin. */
import type { HostFiles } from '../host/contract.ts'

const maxLinks = 255

/** Throws when links go round in circles. What does not exist is kept as written. */
export async function secureJoin(files: HostFiles, root: string, path: string): Promise<string> {
  let rest = path.split('/')
  let at: string[] = []
  let links = 0
  while (rest.length > 0) {
    const part = rest.shift()!
    if (part === '' || part === '.') continue
    if (part === '..') {
      at.pop()
      continue
    }
    const link = (await files.lstat([root, ...at, part].join('/')))?.type === 'link' ? await files.readLink([root, ...at, part].join('/')) : undefined
    if (link === undefined) {
      at.push(part)
      continue
    }
    if (++links > maxLinks) throw new Error(`SecureJoin ${root}/${path}: too many links`)
    if (link.startsWith('/')) at = []
    rest = [...link.split('/'), ...rest]
  }
  return [root, ...at].join('/')
}
