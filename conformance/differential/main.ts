/**
 * Sends the corpus to upstream's kube-apiserver and to ours and prints where the answers differ:
 * `node conformance/differential/main.ts [part of a case's name] [--keep]`. With OURS and THEIRS set to URLs of servers
 * that run already (started with --keep), none are started. `--record` keeps upstream's refusals of new objects, a
 * file in recorded/ for each file of the corpus, which replay.test.ts holds our definitions to.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { discovery } from '../../src/api/generated/discovery.ts'
import { parseApiVersion } from '../../src/api/meta/object.ts'
import { request, type Answer } from './client.ts'
import { causesOf } from './compare.ts'
import { loadCorpus, variant, wirePatch, type Case } from './corpus.ts'
import { Judge, helpOf } from './judge.ts'
import { startServers, token, type Server } from './servers.ts'

type Fields = Record<string, unknown>

const namespace = 'differential'
const mergePatch = 'application/merge-patch+json'

function pathOf(object: Fields): string {
  const { group, version } = parseApiVersion(String(object.apiVersion))
  const resources = discovery.find((g) => g.group === group)?.versions.find((v) => v.version === version)?.resources ?? []
  const found = resources.find((r) => r.kind === object.kind)
  const prefix = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  if (found === undefined) return `${prefix}/${String(object.kind).toLowerCase()}s`
  return `${prefix}${found.namespaced ? `/namespaces/${namespace}` : ''}/${found.resource}`
}

interface Tally { readonly judge: Judge; readonly recorded: Record<string, readonly string[]> }

function report(entry: Case, ask: string, [ours, theirs]: readonly [Answer, Answer], { judge }: Tally): void {
  const lines = judge.compare(entry.name, ask, ours, theirs)
  if (lines.length === 0) return
  if (ours.code === theirs.code) console.log(`${entry.name}${ask}\n${lines.map((line) => line.slice(0, 1200)).join('\n')}`)
  else console.log(`${entry.name}${ask}\n  theirs ${summary(theirs)}\n  ours   ${summary(ours)}`)
}

function summary({ code, body }: Answer): string {
  const message = (body as { message?: string } | undefined)?.message
  return `${code}${message === undefined ? '' : ` ${message}`}`
}

async function both(servers: readonly [Server, Server], send: (url: string) => Promise<Answer>): Promise<readonly [Answer, Answer]> {
  return Promise.all([send(servers[0].url), send(servers[1].url)])
}

async function served(url: string, path: string): Promise<Answer> {
  for (let i = 0; ; i++) {
    const answer = await request(url, token, 'GET', path)
    if (answer.code === 200 || i > 100) return answer
    await new Promise((done) => setTimeout(done, 100))
  }
}

/** Kinds whose status the server's own controllers write, in their own time. */
const completed = new Set(['CustomResourceDefinition', 'FlowSchema'])

async function complete(url: string, item: string): Promise<Answer> {
  for (let i = 0; ; i++) {
    const answer = await request(url, token, 'GET', item)
    const { conditions = [] } = (answer.body as { status?: { conditions?: { type: string; status: string }[] | null } }).status ?? {}
    if ((conditions ?? []).some(({ type, status }) => (type === 'Established' && status === 'True') || type === 'Dangling') || i > 100) return answer
    await new Promise((done) => setTimeout(done, 100))
  }
}

/** Nothing stays, for servers that are kept. */
async function remove(servers: readonly [Server, Server], item: string): Promise<void> {
  await both(servers, (url) => request(url, token, 'DELETE', `${item}?gracePeriodSeconds=0&propagationPolicy=Background`))
}

async function runCase(entry: Case, servers: readonly [Server, Server], tally: Tally): Promise<void> {
  const path = pathOf(entry.object)
  const dry = '?dryRun=All&fieldManager=differential'
  for (const object of entry.setup ?? []) {
    report(entry, ', setup', await both(servers, (url) => request(url, token, 'POST', pathOf(object), object)), tally)
    await both(servers, (url) => served(url, path))
  }
  for (const [i, patch] of [{}, ...entry.variants ?? []].entries()) {
    const object = variant(entry.object, patch)
    const ask = i === 0 ? '' : ` + ${JSON.stringify(patch)}`
    const answers = await both(servers, (url) => request(url, token, 'POST', path + dry, object))
    const causes = causesOf(answers[1])
    if (causes !== undefined) tally.recorded[entry.name + ask] = causes
    report(entry, ask, answers, tally)
  }
  if (entry.patches === undefined && entry.status === undefined) return
  const item = `${path}/${(entry.object.metadata as { name: string }).name}`
  const created = await both(servers, (url) => request(url, token, 'POST', path, entry.object))
  if (created.some((answer) => answer.code !== 201)) {
    await remove(servers, item)
    return
  }
  if (completed.has(String(entry.object.kind))) await both(servers, (url) => complete(url, item))
  for (const patch of entry.status ?? []) {
    const answers = await both(servers, (url) => request(url, token, 'PATCH', `${item}/status`, patch, mergePatch))
    report(entry, `, status ${JSON.stringify(patch)}`, answers, tally)
  }
  for (const patch of entry.patches ?? []) {
    const [ours, theirs] = created.map((answer) => answer.body as Fields)
    const send = (url: string): Promise<Answer> =>
      request(url, token, 'PATCH', item + dry, wirePatch(url === servers[0].url ? ours! : theirs!, patch), mergePatch)
    report(entry, `, patch ${JSON.stringify(patch)}`, await both(servers, send), tally)
  }
  await remove(servers, item)
}

async function main(): Promise<void> {
  helpOf(`node conformance/differential/main.ts [part of a case's name] [--keep] [--record]
sends the corpus to upstream's kube-apiserver and to ours and prints where the answers differ.
  --keep    leaves both servers running until interrupted, and prints their URLs
  --record  keeps upstream's refusals in recorded/, which replay.test.ts holds our definitions to`)
  const only = process.argv.slice(2).find((word) => !word.startsWith('--'))
  const { OURS, THEIRS } = process.env
  const running = OURS !== undefined && THEIRS !== undefined
    ? { ours: { name: 'ours', url: OURS }, theirs: { name: 'theirs', url: THEIRS }, stop: () => undefined } : await startServers()
  try {
    const servers = [running.ours, running.theirs] as const
    for (const object of [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
    ]) await both(servers, (url) => request(url, token, 'POST', pathOf(object), object))
    if (process.argv.includes('--keep')) console.log(`OURS=${running.ours.url} THEIRS=${running.theirs.url}`)
    const tally: Tally = { judge: new Judge(), recorded: {} }
    for (const entry of loadCorpus(join(import.meta.dirname, 'corpus'), only)) await runCase(entry, servers, tally)
    if (!tally.judge.report()) process.exitCode = 1
    if (process.argv.includes('--record')) {
      const byFile = Object.groupBy(Object.entries(tally.recorded), ([name]) => name.slice(0, name.indexOf(':')))
      for (const [file, entries = []] of Object.entries(byFile)) {
        writeFileSync(join(import.meta.dirname, 'recorded', `${file}.json`), `${JSON.stringify(Object.fromEntries(entries), undefined, 1)}\n`)
      }
    }
    if (process.argv.includes('--keep')) await new Promise((done) => ['SIGINT', 'SIGTERM'].forEach((signal) => process.once(signal, done)))
  } finally {
    running.stop()
  }
}

await main()
