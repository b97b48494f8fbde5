/** All authenticators in turn, and anonymous behind them. */
import { type Authenticator, allUnauthenticated, anonymousUser } from '../contract.ts'

/** The first that knows the sender answers. A failure of one counts only when no other knows the sender. */
export function unionAuthenticator(authenticators: readonly Authenticator[], options: { anonymous: boolean }): Authenticator {
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
      return options.anonymous ? { name: anonymousUser, groups: [allUnauthenticated] } : undefined
    },
  }
}
