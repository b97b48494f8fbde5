/** What is written down of one request, as it becomes known (apiserver/pkg/audit/{context,request,format}.go). */
import { goMap } from '../../api/meta/go-text.ts'
import type { Status } from '../../api/meta/errors.ts'
import type { ApiRequest, UserInfo } from '../handler.ts'
import { deepCopy } from '../registry/cached.ts'
import type { AuditConfig, Level, Stage } from './policy.ts'

interface AuditUser {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

interface ObjectReference {
  resource?: string
  namespace?: string
  name?: string
  uid?: string
  apiGroup?: string
  apiVersion?: string
  resourceVersion?: string
  subresource?: string
}

/** audit.k8s.io/v1 Event, its fields in upstream's order. */
export interface AuditEvent {
  readonly kind: 'Event'
  readonly apiVersion: 'audit.k8s.io/v1'
  readonly level: Level
  readonly auditID: string
  readonly stage: Stage
  readonly requestURI: string
  readonly verb: string
  readonly user: AuditUser
  readonly impersonatedUser?: AuditUser
  readonly authenticationMetadata?: { readonly impersonationConstraint: string }
  readonly sourceIPs?: readonly string[]
  readonly userAgent?: string
  readonly objectRef?: ObjectReference
  readonly responseStatus?: Partial<Status>
  readonly requestObject?: unknown
  readonly responseObject?: unknown
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
  readonly annotations?: Readonly<Record<string, string>>
}

type Fields = Record<string, unknown>

export interface DraftStart {
  readonly request: ApiRequest
  readonly auditId: string
  readonly uri: string
  readonly sourceIPs: readonly string[]
  readonly now: number
}

const maxUserAgent = 1024
const drafts = new WeakMap<object, AuditDraft>()

/** The draft of a request that is written down; filters and handlers share it by the request's annotations. */
export function draftOf(request: Pick<ApiRequest, 'audit'>): AuditDraft | undefined {
  return drafts.get(request.audit)
}

/** The object of a request's body, as it was read: bodies belong to handlers, which change them. `complete` adds defaults. */
export function noteRequestObject(request: Pick<ApiRequest, 'audit'>, object: object, complete = (): object => object): void {
  drafts.get(request.audit)?.noteRequest(object, complete)
}

/** A patch, as it was sent. */
export function notePatch(request: Pick<ApiRequest, 'audit'>, patch: unknown): void {
  drafts.get(request.audit)?.notePatch(patch)
}

export class AuditDraft {
  readonly config: AuditConfig
  readonly #start: DraftStart
  readonly #reference: ObjectReference | undefined
  #impersonated: { user: UserInfo; constraint: string | undefined } | undefined
  #status: Partial<Status> | undefined
  #requestObject: unknown
  #responseObject: unknown

  constructor(config: AuditConfig, start: DraftStart) {
    this.config = config
    this.#start = start
    const { info } = start.request
    this.#reference = !info.isResourceRequest ? undefined : {
      resource: info.resource, namespace: info.namespace, name: info.name, apiGroup: info.apiGroup, apiVersion: info.apiVersion, subresource: info.subresource,
    }
    drafts.set(start.request.audit, this)
  }

  /** Whether bodies of requests are wanted. */
  get withRequest(): boolean {
    return this.config.level === 'Request' || this.config.level === 'RequestResponse'
  }
  get withResponse(): boolean {
    return this.config.level === 'RequestResponse'
  }
  get answered(): boolean {
    return this.#status !== undefined
  }

  noteRequest(object: object, complete: () => object): void {
    const reference = this.#reference
    const { metadata } = object as { metadata?: Fields }
    if (reference !== undefined && metadata !== undefined) {
      const text = (name: string) => (typeof metadata[name] === 'string' ? metadata[name] : '')
      reference.namespace ||= text('namespace')
      reference.name ||= text('name')
      reference.uid ||= text('uid')
      reference.resourceVersion ||= text('resourceVersion')
    }
    if (!this.withRequest) return
    const { kind, apiVersion, ...rest } = complete() as Fields
    const full = { kind, apiVersion, ...rest }
    this.#requestObject = deepCopy(this.config.omitManagedFields ? withoutManagedFields(full) : full)
  }

  notePatch(patch: unknown): void {
    if (this.withRequest) this.#requestObject = deepCopy(patch)
  }

  noteImpersonation(user: UserInfo, constraint: string | undefined): void {
    this.#impersonated = { user, constraint }
  }

  /** What went back: a Status always, other objects where the level asks for them. */
  noteResponse(code: number, object: unknown): void {
    this.#status = { metadata: {}, code } as Partial<Status>
    const fields = object as Fields | undefined
    if (fields?.['kind'] === 'Status' && fields['apiVersion'] === 'v1') {
      const { status, message, reason, details } = fields as unknown as Status
      this.#status = { metadata: {}, status, message, reason, details, code } as Partial<Status>
    }
    if (this.withResponse && object !== undefined) this.#responseObject = this.config.omitManagedFields ? withoutManagedFields(object as object) : object
  }

  noteStatus(status: Partial<Status>): void {
    this.#status = { metadata: {}, ...status } as Partial<Status>
  }

  event(stage: Stage, now: number): AuditEvent {
    const { request, auditId, uri, sourceIPs, now: received } = this.#start
    const { userAgent, audit } = request
    const impersonated = this.#impersonated
    const reference = this.#reference
    return {
      kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: this.config.level, auditID: auditId, stage, requestURI: uri, verb: request.info.verb,
      user: userOf(request.user),
      ...(impersonated === undefined ? {} : { impersonatedUser: userOf(impersonated.user) }),
      ...(impersonated?.constraint ? { authenticationMetadata: { impersonationConstraint: impersonated.constraint } } : {}),
      ...(sourceIPs.length === 0 ? {} : { sourceIPs }),
      ...(userAgent === '' ? {} : { userAgent: userAgent.length > maxUserAgent ? `${userAgent.slice(0, maxUserAgent)}...TRUNCATED` : userAgent }),
      ...(reference === undefined ? {} : { objectRef: ordered(reference) }),
      ...(this.#status === undefined ? {} : { responseStatus: this.#status }),
      ...(this.#requestObject === undefined ? {} : { requestObject: this.#requestObject }),
      ...(this.#responseObject === undefined ? {} : { responseObject: this.#responseObject }),
      requestReceivedTimestamp: microTime(received), stageTimestamp: microTime(stage === 'RequestReceived' ? received : now),
      ...(Object.keys(audit).length === 0 ? {} : { annotations: goMap(audit) }),
    }
  }
}

const referenceFields = ['resource', 'namespace', 'name', 'uid', 'apiGroup', 'apiVersion', 'resourceVersion', 'subresource'] as const

function ordered(reference: ObjectReference): ObjectReference {
  return Object.fromEntries(referenceFields.flatMap((name) => (reference[name] ? [[name, reference[name]]] : [])))
}

function userOf({ name, uid, groups, extra }: UserInfo): AuditUser {
  return {
    ...(name === '' ? {} : { username: name }), ...(uid === undefined || uid === '' ? {} : { uid }), ...(groups.length === 0 ? {} : { groups }),
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra: goMap(extra) }),
  }
}

function microTime(ms: number): string {
  const iso = new Date(Math.floor(ms)).toISOString()
  const micros = Math.floor((ms % 1) * 1000)
  return `${iso.slice(0, -1)}${String(micros).padStart(3, '0')}Z`
}

/** The object, or the objects of a list or a table, without managed fields. */
function withoutManagedFields(object: object): object {
  const { metadata, items, rows } = object as { metadata?: Fields; items?: readonly object[]; rows?: readonly { object?: object }[] }
  const out: Fields = { ...object }
  if (metadata?.['managedFields'] !== undefined) {
    const { managedFields: _, ...rest } = metadata
    out['metadata'] = rest
  }
  if (Array.isArray(items)) out['items'] = items.map((item) => withoutManagedFields(item as object))
  if (Array.isArray(rows)) out['rows'] = rows.map((row: { object?: object }) => (row.object === undefined ? row : { ...row, object: withoutManagedFields(row.object) }))
  return out
}

/** One line of text, as --audit-log-format=legacy writes it. */
export function legacyLine(event: AuditEvent): string {
  const quoted = (list: readonly string[]) => list.map((text) => JSON.stringify(text)).join(',')
  const { user, impersonatedUser } = event
  const groups = user.username && user.groups ? quoted(user.groups) : '<none>'
  const asGroups = impersonatedUser?.groups === undefined ? '<lookup>' : quoted(impersonatedUser.groups)
  const field = (name: string, value: string) => `${name}=${JSON.stringify(value)}`
  return [
    `${event.requestReceivedTimestamp} AUDIT:`, field('id', event.auditID), field('stage', event.stage), field('ip', event.sourceIPs?.[0] ?? '<unknown>'),
    field('method', event.verb), field('user', user.username ?? '<none>'), field('groups', groups),
    field('as', impersonatedUser?.username ?? '<self>'), field('asgroups', asGroups), field('user-agent', event.userAgent ?? ''),
    field('namespace', event.objectRef?.namespace ?? '<none>'), field('uri', event.requestURI),
    `response="${event.responseStatus?.code ?? '<deferred>'}"`,
  ].join(' ')
}
