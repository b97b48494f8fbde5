/** pods/log: the options, and the kubelet's answer as a stream (upstream: registry/core/pod/rest/log.go). */
import type { IncomingMessage } from 'node:http'
import { type FieldError, StatusError, badRequest, internalError, invalid } from '../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid } from '../../api/meta/field-errors.ts'
import type { ApiResponse } from '../handler.ts'
import { DialError, type Target, answerTo, openRequest, targetAuthority } from './target.ts'

/** The kubelet's query for the client's. Throws 422 for values that no log has. */
export function logQuery(query: URLSearchParams, podName: string): string {
  const errors: FieldError[] = []
  const out = new URLSearchParams()
  for (const name of ['follow', 'previous', 'timestamps']) if (truthy(query.get(name))) out.set(name, 'true')
  const number = (name: string, least: number, text: string) => {
    const value = query.get(name)
    if (value === null || value === '') return
    const parsed = Number(value)
    if (!Number.isInteger(parsed)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`)
    if (parsed < least) errors.push(fieldInvalid(name, parsed, text))
    out.set(name, value)
  }
  number('sinceSeconds', 1, 'must be greater than 0')
  number('tailLines', 0, 'must be greater than or equal to 0')
  number('limitBytes', 1, 'must be greater than 0')
  const sinceTime = query.get('sinceTime')
  if (sinceTime !== null && sinceTime !== '') {
    if (out.has('sinceSeconds')) errors.push(fieldForbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'))
    out.set('sinceTime', sinceTime)
  }
  const stream = query.get('stream')
  if (stream !== null && stream !== '' && stream !== 'All') {
    if (stream !== 'Stdout' && stream !== 'Stderr') errors.push(fieldInvalid('stream', stream, 'must be one of All, Stdout, Stderr'))
    out.set('stream', stream)
  }
  if (errors.length > 0) throw invalid({ kind: 'PodLogOptions' }, podName, errors)
  return out.toString()
}

function truthy(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}

const longestError = 50_000

/** The log as it comes. Throws what the kubelet says as a Status. */
export async function streamLogs(target: Target, podName: string, signal: AbortSignal): Promise<ApiResponse> {
  const request = await openRequest(target, 'GET', { host: targetAuthority(target) }, signal)
  request.end()
  let answer: IncomingMessage
  try {
    answer = await answerTo(request, target)
  } catch (error) {
    if (error instanceof DialError) {
      throw internalError(`Get "https://${targetAuthority(target)}${target.path}${target.query === '' ? '' : `?${target.query}`}": ${error.message}`)
    }
    throw error
  }
  const code = answer.statusCode ?? 500
  if (code < 200 || code > 206) throw await refusal(answer, code, podName)
  return { type: 'raw', code: 200, headers: { 'content-type': 'text/plain' }, body: answer }
}

async function refusal(answer: IncomingMessage, code: number, podName: string): Promise<StatusError> {
  let text = ''
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8')
    if (text.length > longestError) break
  }
  if (code === 500) return internalError(text)
  if (code === 400) return badRequest(text)
  const notFound = code === 404
  return new StatusError({
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason: notFound ? 'NotFound' : 'InternalError',
    message: notFound ? `the server could not find the requested resource ( pods/log ${podName})` : `the server responded with the status code ${code} but did not return more information ( pods/log ${podName})`,
    details: { name: podName, kind: 'pods/log' },
  })
}
