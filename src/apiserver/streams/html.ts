/** Attributes that hold links, by element (upstream: apimachinery/pkg/util/proxy/transport.go). */
const linkAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'], applet: ['codebase'], area: ['href'], audio: ['src'], base: ['href'], blockquote: ['cite'], body: ['background'],
  button: ['formaction'], command: ['icon'], del: ['cite'], embed: ['src'], form: ['action'], frame: ['longdesc', 'src'],
  head: ['profile'], html: ['manifest'], iframe: ['longdesc', 'src'], img: ['longdesc', 'src', 'usemap'], input: ['src', 'usemap', 'formaction'],
  ins: ['cite'], link: ['href'], object: ['classid', 'codebase', 'data', 'usemap'], q: ['cite'], script: ['src'], source: ['src'],
  video: ['poster', 'src'],
}

const tag = /<([a-zA-Z][a-zA-Z0-9]*)((?:\s+[^\s=>/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+))?|\s*\/)*)\s*>/g
const attribute = /([^\s=>/]+)(\s*=\s*)("([^"]*)"|'([^']*)'|([^\s"'>]+))/g

/** Leads every link of a page through `rewrite`; all other text stays as it is. */
export function rewriteHtml(page: string, rewrite: (link: string) => string): string {
  return page.replace(tag, (whole, name: string, attributes: string) => {
    const wanted = linkAttributes[name.toLowerCase()]
    if (wanted === undefined || attributes === '') return whole
    const rewritten = attributes.replace(attribute, (text, key: string, equals: string, value: string, ...groups: (string | undefined)[]) => {
      if (!wanted.includes(key.toLowerCase())) return text
      const link = groups[0] ?? groups[1] ?? groups[2] ?? value
      return `${key}${equals}"${escapeAttribute(rewrite(unescapeAttribute(link)))}"`
    })
    return whole.replace(attributes, () => rewritten)
  })
}

const unescapeAttribute = (text: string): string => text.replaceAll('&amp;', '&').replaceAll('&#34;', '"').replaceAll('&quot;', '"')
const escapeAttribute = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&#34;')
