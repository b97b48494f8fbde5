/**
 * A process that writes until it is killed. It prints "> id op key value" before each write, "< id revision" once it is
 * acknowledged and "! id reason" when it failed; after twenty failures it ends by itself. Arguments: FOLDER ROUND SIZE
 * JOURNALBYTES (few, so that the database takes over all the time) LIMIT (so many acknowledged writes, then it closes the store).
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../../base/real/env.ts'
import type { WriteResult } from '../store.ts'
import { openLmdbStore } from './lmdb.ts'

const [path, round = '0', size = '200', journalBytes = '20000', limit = 'Infinity'] = process.argv.slice(2)
const store = openLmdbStore({ path: path!, clock: systemClock, journalBytes: Number(journalBytes) })
const lanes = 8
let ids = 0
let failures = 0
let acknowledged = 0

/** Each lane has keys of its own, so that it knows what they hold. */
async function write(lane: number): Promise<void> {
  const held = new Map<string, number>()
  for (const item of (await store.list(`/w/${lane}/`)).items) held.set(item.key, item.modRevision)
  for (let i = 0; failures < 20 && acknowledged < Number(limit); i++) {
    const key = `/w/${lane}/${i % 5}`
    const revision = held.get(key)
    const op = revision === undefined ? 'create' : i % 11 === 0 ? 'delete' : 'update'
    const id = `${round}.${++ids}`
    writeSync(1, `> ${id} ${op} ${key}\n`)
    try {
      // The value is its id over and over: a part of one is seen at once.
      const value = Buffer.from(`${id};`.repeat(Math.ceil(Number(size) / (id.length + 1))))
      const result: WriteResult = op === 'create' ? await store.create(key, value) : op === 'update' ? await store.update(key, value, revision!) : await store.delete(key, revision!)
      if (!result.ok) throw new Error(`refused, for the key holds ${result.current?.modRevision}`)
      writeSync(1, `< ${id} ${result.revision}\n`)
      acknowledged++
      if (op === 'delete') held.delete(key)
      else held.set(key, result.revision)
    } catch (error) {
      failures++
      writeSync(1, `! ${id} ${String(error).replaceAll('\n', ' ')}\n`)
    }
  }
}

await Promise.all(Array.from({ length: lanes }, (_, lane) => write(lane)))
writeSync(1, `read ${(await store.list('/w/')).items.length}\n`)
await store.close()
