/** Files and folders of /var/log, as Go's file server shows them. */
import { createReadStream } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { StreamError } from './streams.ts'

const root = '/var/log'

/** `path`: "/logs/..." with nothing that leads out of it. Throws StreamError. */
export async function serveSystemLog(response: ServerResponse, path: string): Promise<void> {
  const file = await realpath(root + decodeURIComponent(path.slice('/logs'.length))).catch(() => undefined)
  const info = file === undefined || (file !== root && !file.startsWith(`${root}/`)) ? undefined : await stat(file).catch(() => undefined)
  if (info === undefined) throw new StreamError(404, '404 page not found')
  if (info.isDirectory()) {
    const entries = (await readdir(file!, { withFileTypes: true })).map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
    const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;')
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
    return void response.end(`<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${entries.map((name) => `<a href="${encodeURI(name)}">${escaped(name)}</a>\n`).join('')}</pre>\n`)
  }
  if (!info.isFile()) throw new StreamError(404, '404 page not found')
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': info.size })
  await pipeline(createReadStream(file!, { end: Math.max(0, info.size - 1) }), response)
}
