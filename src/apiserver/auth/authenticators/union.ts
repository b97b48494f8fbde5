/** All authenticators in turn, and anonymous behind them. */
import { type Authenticator, allUnauthenticated, anonymousUser } from '../contract.ts'

/** The first that knows the sender answers; `anonymous`: nobody is let in, everybody, or those who want one of these paths. A failure of one counts only when no other knows the sender. */
export function unionAuthenticator(authenticators: readonly Authenticator[], options: { anonymous: boolean | readonly string[] }): Authenticator {
  return {
    name: 'union',
    async authenticate(exchange) {
      const failures: string[] = []
      for (const authenticator of authenticators) {
        try {
          const user = await authenticator.authenticate(exchange)
          if (user !== undefined) return user
        } catch (error) {
          failures.push(error instanceof Error ? error.message : String(error))
        }
      }
      // A bad credential is not the same as none.
      if (failures.length > 0) throw new Error(failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`)
      const anonymous = typeof options.anonymous === 'boolean' ? options.anonymous : options.anonymous.length === 0 || options.anonymous.includes(pathOf(exchange.rawPath))
      return anonymous ? { name: anonymousUser, groups: [allUnauthenticated] } : undefined
    },
  }
}

function pathOf(raw: string): string {
  try {
    return decodeURIComponent(raw)
  } catch {
    return raw
  }
}
