/** The user names and groups of service accounts (upstream: apiserver/pkg/authentication/serviceaccount). */
const prefix = 'system:serviceaccount:'
export const allServiceAccounts = 'system:serviceaccounts'

export function serviceAccountUserName(namespace: string, name: string): string {
  return `${prefix}${namespace}:${name}`
}

export function serviceAccountGroups(namespace: string): string[] {
  return [allServiceAccounts, `${allServiceAccounts}:${namespace}`]
}

/** The account behind a user name; undefined when the name is none of a service account. */
export function splitServiceAccountName(user: string): { namespace: string; name: string } | undefined {
  if (!user.startsWith(prefix)) return undefined
  const parts = user.slice(prefix.length).split(':')
  const [namespace, name] = parts
  if (parts.length !== 2 || !isDnsLabel(namespace!) || !isDnsSubdomain(name!)) return undefined
  return { namespace: namespace!, name: name! }
}

function isDnsLabel(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text)
}

function isDnsSubdomain(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)
}
