/** Environment files of fileKeyRef: VAR='value' lines, where a value may go over several lines. Pure. Upstream: pkg/kubelet/util/env. */

/** '' when the file does not set the key. Throws Error with upstream's text for a line of another form. */
export function parseEnvFile(text: string, key: string): string {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''))
  if (lines.at(-1) === '') lines.pop()
  for (let i = 0; i < lines.length; i++) {
    const number = i + 1
    const fail = (why: string): never => {
      throw new Error(`invalid environment variable format at line ${number}: ${why}`)
    }
    const line = lines[i]!.replace(/^[ \t]+/, '')
    if (line === '' || line.startsWith('#')) continue
    const equals = line.indexOf('=')
    if (equals < 0) fail("missing '='")
    const name = line.slice(0, equals)
    if (name.trim() === '') fail('empty variable name')
    if (/[ \t]$/.test(name)) fail("whitespace before '=' is not allowed")
    let rest = line.slice(equals + 1)
    // As in a shell: nothing is assigned, and the rest is another word.
    if (/^[ \t]/.test(rest)) {
      if (name === key) return ''
      continue
    }
    if (!rest.startsWith("'")) fail('value must be enclosed in single quotes')
    rest = rest.slice(1)
    let value = ''
    for (let end = rest.indexOf("'"); ; end = rest.indexOf("'")) {
      if (end >= 0) {
        value += rest.slice(0, end)
        const after = rest.slice(end + 1).replace(/^[ \t]+/, '')
        if (after !== '' && !after.startsWith('#')) {
          throw new Error(`invalid environment variable format at line ${i + 1}: unexpected content after closing quote`)
        }
        break
      }
      value += `${rest}\n`
      i++
      if (i >= lines.length) throw new Error(`invalid environment variable format starting at line ${number}: unclosed single quote`)
      rest = lines[i]!
    }
    if (name === key) return value
  }
  return ''
}
