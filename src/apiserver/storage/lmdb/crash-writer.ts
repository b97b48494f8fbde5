/** A process that writes until it is killed and prints each key with its revision once the write is acknowledged. */
import { writeSync } from 'node:fs'
import { systemClock } from '../../../base/real/env.ts'
import { openLmdbStore } from './lmdb.ts'

const [path, round] = process.argv.slice(2)
const store = openLmdbStore({ path: path!, clock: systemClock })

async function write(lane: number): Promise<never> {
  for (let i = 0; ; i++) {
    const key = `/w/${round}-${lane}-${i}`
    const result = await store.create(key, Buffer.alloc(200, lane))
    writeSync(1, `${key} ${result.revision}\n`)
  }
}

await Promise.all(Array.from({ length: 8 }, (_, lane) => write(lane)))
