import { constants, createInflate, deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { dataFrame, finFlag, frameType, headerBlock, headerDictionary, pingFrame, resetFrame, synStreamFrame, takeFrames } from './spdy-frames.ts'

describe('SPDY frames', () => {
  test('the dictionary is the protocol\'s', () => {
    expect(headerDictionary.length).toBe(1423)
    // A zlib stream that needs a dictionary names its Adler-32 after the two header bytes.
    const stream = deflateSync(Buffer.from('x'), { dictionary: headerDictionary })
    expect(stream.readUInt32BE(2)).toBe(0xe3c6a7c2)
  })
  test('frames come out of bytes cut anywhere', () => {
    const bytes = Buffer.concat([
      synStreamFrame(1, Buffer.from('hh')), dataFrame(1, Buffer.from('hello'), false), dataFrame(1, Buffer.alloc(0), true), pingFrame(Buffer.from([0, 0, 0, 9])), resetFrame(3, 5),
    ])
    const frames: ReturnType<typeof takeFrames>['frames'] = []
    let rest: Buffer = Buffer.alloc(0)
    for (const byte of bytes) {
      const taken = takeFrames(Buffer.concat([rest, Buffer.from([byte])]))
      frames.push(...taken.frames)
      rest = taken.rest
    }
    expect(rest.length).toBe(0)
    expect(frames.map(({ type, flags, streamId, payload }) => [type, flags, streamId, payload.toString('latin1')])).toEqual([
      [frameType.synStream, 0, 1, '\0\0\0\x01\0\0\0\0\0\0hh'], [frameType.data, 0, 1, 'hello'], [frameType.data, finFlag, 1, ''],
      [frameType.ping, 0, 0, '\0\0\0\x09'], [frameType.reset, 0, 3, '\0\0\0\x03\0\0\0\x05'],
    ])
  })
  test('header blocks count and measure their fields', async () => {
    const block = headerBlock({ StreamType: 'error' })
    expect(block.toString('latin1')).toBe('\0\0\0\x01\0\0\0\x0astreamtype\0\0\0\x05error')
    const inflate = createInflate({ dictionary: headerDictionary, finishFlush: constants.Z_SYNC_FLUSH })
    const out: Buffer[] = []
    inflate.on('data', (chunk: Buffer) => out.push(chunk))
    inflate.end(deflateSync(block, { dictionary: headerDictionary, finishFlush: constants.Z_SYNC_FLUSH }))
    await new Promise((resolve) => inflate.once('end', resolve))
    expect(Buffer.concat(out)).toEqual(block)
  })
})
