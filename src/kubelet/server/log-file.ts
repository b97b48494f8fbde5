import { type FSWatcher, watch } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { LogFile } from '../logs/reader.ts'

/** Longest wait for a change: a watch can miss one. ms. */
const longestWaitMs = 1000

/** undefined when the file does not exist. */
export async function openLogFile(path: string): Promise<LogFile | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const { ino } = await handle.stat()
  return {
    async read(position, length) {
      const buffer = Buffer.alloc(length)
      const { bytesRead } = await handle.read(buffer, 0, length, position)
      return buffer.subarray(0, bytesRead)
    },
    size: async () => (await handle.stat()).size,
    async successor() {
      const now = await stat(path).catch(() => undefined)
      return now === undefined || now.ino === ino ? undefined : openLogFile(path)
    },
    changed: (signal) => new Promise((resolve) => {
      let watcher: FSWatcher | undefined
      const done = () => {
        clearTimeout(timer)
        watcher?.close()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, longestWaitMs)
      signal.addEventListener('abort', done, { once: true })
      try {
        watcher = watch(path, done)
        watcher.on('error', done)
      } catch {
        // The timer still comes.
      }
    }),
    close: () => handle.close(),
  }
}
