/**
 * Who may act as whom, and for which requests (KEP-5284; upstream: endpoints/filters/impersonation/mode.go). A mode that
 * is narrower comes first: who may be a node only for listing pods needs no more than that. The old way, by which who may
 * be somebody may do all that he may, stays as the last one. Upstream keeps answers for ten seconds; here the authorizers
 * that are slow keep their own.
 */
import type { StatusError } from '../../api/meta/errors.ts'
import { aggregateText } from '../../api/meta/field-errors.ts'
import { isDNS1123Subdomain } from '../../api/meta/names.ts'
import type { Attributes, Authorizer } from '../auth/contract.ts'
import { allAuthenticated, allUnauthenticated, anonymousUser } from '../auth/contract.ts'
import { LruCache } from '../auth/lru.ts'
import { serviceAccountGroups, splitServiceAccountName } from '../auth/service-account-names.ts'
import type { UserInfo } from '../handler.ts'
import { domainPrefixedPath } from '../resources/validation/common.ts'
import { forbiddenRequest } from './authorization.ts'

/** Whom the headers ask for, as they say it. */
export interface Wanted {
  readonly user: string
  readonly groups: readonly string[]
  readonly uid: string
  readonly extra: ReadonlyMap<string, readonly string[]>
}

export interface Impersonated {
  readonly user: UserInfo
  /** The verb by which it was allowed; '' for the old way. */
  readonly constraint: string
}

interface Mode {
  /** "associated-node"; '' for the old way. */
  readonly name: string
  /** Whether the mode is for this pair at all. */
  applies(wanted: Wanted, requester: UserInfo): boolean
}

const nodesGroup = 'system:nodes'
const privilegedGroup = 'system:masters'
const authenticationGroup = 'authentication.k8s.io'
const nodeNameKey = 'authentication.kubernetes.io/node-name'
/** From so many on one question whether all are allowed comes before those for each. */
const many = 4
const maxUsers = 10_000

const onlyName = ({ uid, groups, extra }: Wanted): boolean => uid === '' && groups.length === 0 && extra.size === 0

function nodeOf(user: string): string | undefined {
  const prefix = 'system:node:'
  if (!user.startsWith(prefix)) return undefined
  const name = user.slice(prefix.length)
  return isDNS1123Subdomain(name).length === 0 ? name : undefined
}

function isOwnNode(requester: UserInfo, user: string): boolean {
  const node = nodeOf(user)
  const values = requester.extra?.[nodeNameKey] ?? []
  return node !== undefined && splitServiceAccountName(requester.name) !== undefined && values.length === 1 && values[0] === node
}

/** In the order in which they are tried. */
const modes: readonly Mode[] = [
  { name: 'associated-node', applies: (wanted, requester) => onlyName(wanted) && isOwnNode(requester, wanted.user) },
  { name: 'arbitrary-node', applies: (wanted) => onlyName(wanted) && nodeOf(wanted.user) !== undefined },
  { name: 'serviceaccount', applies: (wanted) => onlyName(wanted) && splitServiceAccountName(wanted.user) !== undefined },
  { name: 'user-info', applies: ({ user }) => nodeOf(user) === undefined && splitServiceAccountName(user) === undefined },
  { name: '', applies: () => true },
]

export interface Impersonation {
  /** Throws the 403 of the first mode that refused. `request`: what is to be done as the other. */
  check(wanted: Wanted, request: Attributes): Promise<Impersonated>
}

/** `constrained`: whether there are other ways than the old one. `observe` is told the mode and the answer of each question. */
export function createImpersonation(authorizer: Authorizer, constrained: boolean, observe: (mode: string, allowed: boolean) => void): Impersonation {
  const known = constrained ? modes : modes.slice(-1)
  /** Which mode served a user last: it is tried first, so that the old way costs what it did. */
  const last = new LruCache<string, Mode>(maxUsers)

  /** The refusal; undefined when it is allowed. */
  async function refusal(mode: Mode, attributes: Attributes): Promise<StatusError | undefined> {
    const asked = mode.name === 'associated-node' ? asAssociated(attributes) : attributes
    const { decision, reason = '', error } = await authorizer.authorize(asked)
    observe(modeLabel(mode), decision === 'allow')
    if (decision === 'allow') return undefined
    return forbiddenRequest(asked, error === undefined ? reason : reason === '' ? error : `${error}: ${reason}`)
  }

  async function tryMode(mode: Mode, wanted: Wanted, request: Attributes): Promise<Impersonated | StatusError | undefined> {
    if (!mode.applies(wanted, request.user)) return undefined
    if (mode.name !== '') {
      const refused = await refusal(mode, { ...request, verb: `impersonate-on:${mode.name}:${request.verb}` })
      if (refused !== undefined) return refused
    }
    for (const step of stepsOf(mode, wanted, request.user)) {
      if ('refused' in step) return step.refused
      if (step.all !== undefined && await refusal(mode, step.all) === undefined) continue
      for (const attributes of step.each) {
        const refused = await refusal(mode, attributes)
        if (refused !== undefined) return refused
      }
    }
    return { user: impersonatedBy(mode, wanted), constraint: mode.name === '' ? '' : `impersonate:${mode.name}` }
  }

  return {
    async check(wanted, request) {
      const before = last.get(request.user.name)
      let first: StatusError | undefined
      for (const mode of before === undefined ? known : [before, ...known.filter((one) => one !== before)]) {
        const result = await tryMode(mode, wanted, request)
        if (result instanceof Error) first ??= result
        else if (result !== undefined) {
          last.set(request.user.name, mode)
          return result
        }
      }
      throw first!
    },
  }
}

const modeLabel = ({ name }: Mode): string => (name === '' ? 'legacy' : name)

/** "user-info" of "impersonate:user-info", as metrics call it. */
export const labelOfConstraint = (constraint: string): string => (constraint === '' ? 'legacy' : constraint.slice('impersonate:'.length))

/** What is asked holds for all pods of a service account alike: neither the node nor the pod is in it. */
function asAssociated(attributes: Attributes): Attributes {
  const { user } = attributes
  return {
    ...attributes, ...(attributes.verb === 'impersonate:associated-node' ? { name: '*' } : {}),
    user: { ...user, extra: { 'authentication.kubernetes.io/associated-node-keys': Object.keys(user.extra ?? {}).toSorted() } },
  }
}

/** Questions that belong together; when `all` is allowed, `each` need not be asked. */
type Step = { readonly all?: Attributes; readonly each: readonly Attributes[] } | { readonly refused: StatusError }

function* stepsOf({ name: mode }: Mode, wanted: Wanted, user: UserInfo): Generator<Step> {
  const constrained = mode !== ''
  const question = (apiGroup: string, resource: string, name: string, more: Partial<Attributes> = {}): Attributes => ({
    user, verb: constrained ? `impersonate:${mode}` : 'impersonate', isResourceRequest: true, namespace: '', apiGroup,
    apiVersion: 'v1', resource, subresource: '', name, path: '', ...more,
  })
  const group = constrained ? authenticationGroup : ''
  const account = splitServiceAccountName(wanted.user)
  const node = constrained ? nodeOf(wanted.user) : undefined
  yield { each: [
    account !== undefined ? question(group, 'serviceaccounts', account.name, { namespace: account.namespace })
      : node !== undefined ? question(group, 'nodes', node) : question(group, 'users', wanted.user),
  ] }
  if (wanted.uid !== '') yield { each: [question(authenticationGroup, 'uids', wanted.uid)] }
  if (wanted.groups.length > 0) {
    if (constrained && wanted.groups.includes('')) yield { refused: forbiddenRequest(question(group, 'groups', ''), 'impersonating the empty string group is not allowed') }
    if (constrained && wanted.groups.includes(privilegedGroup)) {
      yield { refused: forbiddenRequest(question(group, 'groups', privilegedGroup), `impersonating the ${privilegedGroup} group is not allowed`) }
    }
    yield {
      each: wanted.groups.map((one) => question(group, 'groups', one)),
      ...(constrained && wanted.groups.length >= many ? { all: question(group, 'groups', '*') } : {}),
    }
  }
  if (wanted.extra.size === 0) return
  const why = constrained ? whyBadExtra(wanted.extra) : undefined
  if (why !== undefined) yield { refused: forbiddenRequest(question(authenticationGroup, 'userextras', ''), why) }
  const each = [...wanted.extra].flatMap(([key, values]) => values.map((value) => question(authenticationGroup, 'userextras', value, { subresource: key })))
  yield { each, ...(constrained && (wanted.extra.size >= many || each.length >= many) ? { all: question(authenticationGroup, 'userextras', '*', { subresource: '*' }) } : {}) }
}

function whyBadExtra(extra: Wanted['extra']): string | undefined {
  for (const [key, values] of extra) {
    if (key === '') return 'impersonating the empty string key in extra is not allowed'
    const errors = [...domainPrefixedPath('extra.key', key)]
    if (errors.length > 0) return `impersonating an invalid key in extra is not allowed: ${aggregateText(errors)}`
    if (key !== key.toLowerCase()) return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`
    if (values.length === 0) return 'impersonating empty values in extra is not allowed'
    if (values.includes('')) return 'impersonating the empty string value in extra is not allowed'
  }
  return undefined
}

/** Whom the request is made as: with the groups that nodes, accounts and everybody have anyway. */
function impersonatedBy({ name: mode }: Mode, wanted: Wanted): UserInfo {
  const account = splitServiceAccountName(wanted.user)
  let groups: readonly string[] = wanted.groups
  if (mode !== '' && nodeOf(wanted.user) !== undefined) groups = [nodesGroup]
  if (groups.length === 0 && account !== undefined) groups = serviceAccountGroups(account.namespace)
  if (wanted.user === anonymousUser) {
    if (!groups.includes(allUnauthenticated)) groups = [...groups, allUnauthenticated]
  } else if (!groups.includes(allAuthenticated) && !groups.includes(allUnauthenticated)) {
    groups = [...groups, allAuthenticated]
  }
  return {
    name: wanted.user, groups,
    ...(wanted.uid === '' ? {} : { uid: wanted.uid }),
    ...(wanted.extra.size === 0 ? {} : { extra: Object.fromEntries(wanted.extra) }),
  }
}
