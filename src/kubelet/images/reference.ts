/** Image names: which are valid, and the tag that is meant when none is written. Upstream: distribution/reference, pkg/util/parsers. */

const domain = /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/
const pathComponent = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const tagShape = /^\w[\w.-]{0,127}$/
const digestShape = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/
const anchoredId = /^[a-f0-9]{64}$/

export interface ImageReference {
  /** With its registry: "docker.io/library/busybox". */
  readonly repository: string
  /** "latest" when neither tag nor digest is written. */
  readonly tag: string
  readonly digest: string
}

/** Throws Error with upstream's text. */
export function parseImageName(image: string): ImageReference {
  const fail = (why: string): never => {
    throw new Error(`couldn't parse image name ${JSON.stringify(image)}: ${why}`)
  }
  if (anchoredId.test(image)) fail(`invalid repository name (${image}), cannot specify 64-byte hexadecimal strings`)
  const at = image.indexOf('@')
  const digest = at < 0 ? '' : image.slice(at + 1)
  let rest = at < 0 ? image : image.slice(0, at)
  const colon = rest.lastIndexOf(':')
  let tag = ''
  if (colon > rest.lastIndexOf('/')) {
    tag = rest.slice(colon + 1)
    rest = rest.slice(0, colon)
    if (!tagShape.test(tag)) fail('invalid reference format')
  }
  const { registry, path } = splitRegistry(rest)
  if (path !== '' && path !== path.toLowerCase()) fail(`invalid reference format: repository name (${path}) must be lowercase`)
  if (!domain.test(registry) || !path.split('/').every((part) => pathComponent.test(part))) fail('invalid reference format')
  if (digest !== '' && !digestShape.test(digest)) fail('invalid reference format')
  if (path.length > 255) fail('repository name must not be more than 255 characters')
  return { repository: `${registry}/${path}`, tag: tag === '' && digest === '' ? 'latest' : tag, digest }
}

function splitRegistry(name: string): { registry: string; path: string } {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  if (slash < 0 || (!/[.:]/.test(first) && first !== 'localhost' && first === first.toLowerCase())) {
    return { registry: 'docker.io', path: slash < 0 ? `library/${name}` : name }
  }
  if (first === 'index.docker.io') return { registry: 'docker.io', path: name.slice(slash + 1) }
  return { registry: first, path: name.slice(slash + 1) }
}

/** The name as written, with ":latest" when it has neither tag nor digest. */
export function withDefaultTag(image: string): string {
  const { tag, digest } = parseImageName(image)
  return digest === '' && tag !== '' && !image.endsWith(`:${tag}`) ? `${image}:${tag}` : image
}
