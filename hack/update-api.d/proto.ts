/** Messages of upstream's generated.proto files: the judge of what the Go tags say. */
export interface ProtoField {
  label: 'optional' | 'repeated' | 'map'
  type: string
  name: string
  number: number
}

export type ProtoMessages = Map<string, ProtoField[]>

/** Messages by full name, such as "k8s.io.api.core.v1.Pod". */
export function parseProto(text: string): ProtoMessages {
  const messages: ProtoMessages = new Map()
  const pack = /^package ([\w.-]+);$/m.exec(text)?.[1] ?? ''
  let fields: ProtoField[] | undefined
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    const message = /^message (\w+) \{/.exec(line)
    if (message) {
      fields = []
      messages.set(`${pack}.${message[1]}`, fields)
      if (line.endsWith('}')) fields = undefined
    } else if (line === '}') {
      fields = undefined
    } else if (fields) {
      const field = parseField(line)
      if (field) fields.push(field)
    }
  }
  return messages
}

function parseField(line: string): ProtoField | undefined {
  const map = /^map<string, ([\w.]+)> (\w+) = (\d+);$/.exec(line)
  if (map) return { label: 'map', type: map[1] ?? '', name: map[2] ?? '', number: Number(map[3]) }
  const plain = /^(optional|repeated) ([\w.-]+) (\w+) = (\d+)(?: \[[^\]]*\])?;$/.exec(line)
  if (!plain) return undefined
  const label = plain[1] === 'repeated' ? 'repeated' : 'optional'
  return { label, type: (plain[2] ?? '').replace(/^\./, ''), name: plain[3] ?? '', number: Number(plain[4]) }
}
