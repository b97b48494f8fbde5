import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { StatusError } from '../../api/meta/errors.ts'
import { parseRequestInfo } from '../../api/meta/request-info.ts'
import { decodeBody, readBody } from './body.ts'

const builtIn = { builtIn: true, strict: true, kind: 'ConfigMap' }
const info = (method: string, path = '/api/v1/namespaces/a/configmaps/b') => parseRequestInfo(method, path, new URLSearchParams())
const post = info('POST', '/api/v1/namespaces/a/configmaps')
const refusal = (run: () => unknown): StatusError => {
  try {
    run()
  } catch (error) {
    return error as StatusError
  }
  throw new Error('nothing was refused')
}

describe('reading', () => {
  test('up to the limit, and no further', async () => {
    expect(await readBody(Readable.from([Buffer.from('ab'), Buffer.from('cd')]), 4)).toEqual(Buffer.from('abcd'))
    await expect(readBody(Readable.from([Buffer.from('ab'), Buffer.from('cde')]), 4)).rejects.toMatchObject({
      code: 413, message: 'Request entity too large: limit is 4',
    })
    await expect(readBody(Readable.from([]), 4, '5')).rejects.toMatchObject({ code: 413 })
  })
})

describe('decoding', () => {
  test('JSON is taken for granted when no type is given', () => {
    expect(decodeBody(post, undefined, Buffer.from('{"a":1}'), builtIn)).toEqual({ mediaType: 'application/json', value: { a: 1 }, strictErrors: [] })
  })

  test('YAML, with what strict decoding finds', () => {
    expect(decodeBody(post, 'application/yaml', Buffer.from('a: 1\n'), builtIn)).toMatchObject({ value: { a: 1 } })
    expect(decodeBody(post, 'application/json', Buffer.from('{"a":1,"a":2}'), builtIn)).toMatchObject({ strictErrors: ['duplicate field "a"'] })
  })

  test('unknown formats are 415 and say what is known', () => {
    expect(refusal(() => decodeBody(post, 'text/plain', Buffer.from('x'), builtIn))).toMatchObject({
      code: 415, message: 'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    })
    expect(refusal(() => decodeBody(info('PATCH'), 'application/json', Buffer.from('{}'), builtIn)).message).toBe(
      '415: Unsupported Media Type')
    expect(refusal(() => decodeBody(info('PATCH'), 'application/strategic-merge-patch+json', Buffer.from('{}'), { ...builtIn, builtIn: false })).code).toBe(415)
  })

  test('malformed bodies are 400 and show their beginning', () => {
    const error = refusal(() => decodeBody(post, 'application/json', Buffer.from('{"a": tru}'), builtIn))
    expect(error.code).toBe(400)
    expect(error.message).toMatch(/^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: invalid character .* \(\{"a": tru\}\)$/)
    expect(refusal(() => decodeBody(post, 'application/vnd.kubernetes.protobuf', Buffer.from('nonsense'), builtIn)).code).toBe(400)
  })

  test('a delete needs no body', () => {
    expect(decodeBody(info('DELETE'), undefined, Buffer.alloc(0), builtIn)).toBeUndefined()
    expect(decodeBody(info('DELETE'), 'text/plain', Buffer.alloc(0), builtIn)).toBeUndefined()
  })
})
