import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../../api/generated/types/certificates-v1.ts'
import { formatTime, humanDuration } from '../../../api/meta/time.ts'
import type { UserInfo } from '../../handler.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateRequest, validateRequestUpdate } from './validation.ts'

type Request = CertificateSigningRequest
type Condition = CertificateSigningRequestCondition

/** Who asks is the server's word, not the writer's. */
function setRequester(request: Request, user: UserInfo): void {
  const { username: _n, uid: _u, groups: _g, extra: _e, ...spec } = request.spec
  request.spec = {
    ...spec, username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    ...(user.groups.length > 0 ? { groups: [...user.groups] } : {}),
    ...(user.extra !== undefined && Object.keys(user.extra).length > 0
      ? { extra: Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]])) } : {}),
  }
}

function stampConditions(request: Request, old: Request, now: string): void {
  for (const condition of request.status?.conditions ?? []) {
    condition.lastUpdateTime ??= now
    if (condition.lastTransitionTime !== undefined) continue
    const same = old.status?.conditions?.find((c) =>
      c.type === condition.type && c.status === condition.status && c.lastTransitionTime !== undefined)
    condition.lastTransitionTime = same?.lastTransitionTime ?? now
  }
}

/** The signer cannot change what the approver said. */
function keepConditions(request: Request, old: Request, type: string): void {
  const kept = (old.status?.conditions ?? []).filter((c) => c.type === type)
  const conditions = request.status?.conditions ?? []
  if (conditions.filter((c) => c.type === type).length !== kept.length) return
  request.status!.conditions = conditions.map((c): Condition => (c.type === type ? kept.shift()! : c))
}

function prepareStatus(request: Request, old: Request, now: string): void {
  request.status ??= {}
  keepConditions(request, old, 'Approved')
  keepConditions(request, old, 'Denied')
  stampConditions(request, old, now)
}

/** An approver writes conditions alone. */
function prepareApproval(request: Request, old: Request, now: string): void {
  stampConditions(request, old, now)
  const conditions = request.status?.conditions
  request.spec = old.spec
  request.status = { ...old.status, ...(conditions === undefined ? {} : { conditions }) }
}

function stateText({ status }: Request): string {
  const has = (type: string): boolean => status?.conditions?.some((c) => c.type === type) ?? false
  const words = [has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending']
  if (has('Failed')) words.push('Failed')
  if (status?.certificate) words.push('Issued')
  return words.join(',')
}

export const certificateSigningRequests = builtin<Request>({
  group: 'certificates.k8s.io', version: 'v1', resource: 'certificatesigningrequests',
  unconditionalUpdate: true,
  nameFormat: () => [],
  generationFields: [],
  resetFields: ['spec', 'status'],
  createResetFields: ['status'],
  prepareForCreate(request, { user }) {
    setRequester(request, user)
    request.status = {}
  },
  prepareForUpdate(request, old) {
    request.spec = old.spec
    if (old.status === undefined) delete request.status
    else request.status = old.status
  },
  validate: validateRequest,
  validateUpdate: validateRequestUpdate(''),
  subresources: {
    status: { writes: ['status'], prepareForUpdate: (o, old, { now }) => prepareStatus(o, old, formatTime(now)), validateUpdate: validateRequestUpdate('status') },
    approval: { writes: ['status'], prepareForUpdate: (o, old, { now }) => prepareApproval(o, old, formatTime(now)), validateUpdate: validateRequestUpdate('approval') },
  },
  selectableFields: { 'spec.signerName': (o) => o.spec.signerName },
  columns: [
    nameColumn(), ageColumn(),
    text('SignerName', (o) => o.spec.signerName || '<none>'),
    text('Requestor', (o) => o.spec.username ?? ''),
    text('RequestedDuration', (o) => (o.spec.expirationSeconds === undefined ? '<none>' : humanDuration(o.spec.expirationSeconds * 1000))),
    text('Condition', stateText),
  ],
})
