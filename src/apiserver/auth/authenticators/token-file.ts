/** --token-auth-file: CSV of token,user,uid,"group1,group2" (upstream: pkg/authentication/token/tokenfile). */
import type { UserInfo } from '../../handler.ts'
import type { TokenAuthenticator } from '../contract.ts'

/** Throws on a line with less than three columns or an empty token. */
export function parseTokenFile(text: string): Map<string, UserInfo> {
  const users = new Map<string, UserInfo>()
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const columns = csvColumns(line.replace(/\r$/, ''))
    if (columns.length < 3) throw new Error(`token file must have at least 3 columns (token, user name, user uid), found ${columns.length} in line ${i + 1}`)
    const [token, name, uid, groups] = columns
    if (token === '') throw new Error(`token file has an empty token in line ${i + 1}`)
    users.set(token!, {
      name: name!, uid: uid!, groups: groups === undefined ? [] : groups.split(','),
    })
  }
  return users
}

/** A comma at the end has an empty column behind it. */
function csvColumns(line: string): string[] {
  const columns: string[] = []
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(,|$)/y
  for (let more = true; more;) {
    const match = pattern.exec(line)
    if (match === null) break
    columns.push(match[1] === undefined ? match[2]!.trim() : match[1].replaceAll('""', '"'))
    more = match[3] === ','
  }
  return columns
}

export function tokenFileAuthenticator(users: ReadonlyMap<string, UserInfo>): TokenAuthenticator {
  return {
    name: 'token-file',
    authenticateToken(token) {
      const user = users.get(token)
      return Promise.resolve(user === undefined ? undefined : { user })
    },
  }
}
