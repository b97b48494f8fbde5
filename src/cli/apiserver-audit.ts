/** From flags to what is audited: policy, log file, webhook. */
import type { Env } from '../base/env.ts'
import { parseAuditPolicy } from '../apiserver/audit/policy.ts'
import { type AuditMode, type AuditSink, type SinkSettings, lineSink, postSink, wrapSink } from '../apiserver/audit/sinks.ts'
import type { AuditOptions } from '../apiserver/chain/audit.ts'
import { openRotatingFile } from '../apiserver/http/audit-log.ts'
import { callServer } from '../apiserver/http/call.ts'
import { webhookTarget } from '../apiserver/webhooks/kubeconfig.ts'
import { type FlagValues, UsageError } from './command.ts'

type ReadFile = (path: string, flag: string) => string

const modes: readonly string[] = ['batch', 'blocking', 'blocking-strict']
const webhookTimeoutMs = 30_000

/** Undefined without a policy, or without a place for events. Throws UsageError. */
export function auditFrom(env: Env, flags: FlagValues, readFile: ReadFile): AuditOptions | undefined {
  const policyFile = flags.string('audit-policy-file') ?? ''
  const sinks = [...logSinks(env, flags), ...webhookSinks(env, flags, readFile)]
  if (policyFile === '' || sinks.length === 0) return undefined
  try {
    return { policy: parseAuditPolicy(readFile(policyFile, 'audit-policy-file')), sinks }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`--audit-policy-file: loading audit policy file: ${(error as Error).message}: from file ${policyFile}`)
  }
}

function logSinks(env: Env, flags: FlagValues): AuditSink[] {
  const path = flags.string('audit-log-path') ?? ''
  if (path === '') return []
  const format = flags.string('audit-log-format') ?? 'json'
  if (format !== 'json' && format !== 'legacy') throw new UsageError(`invalid audit log format ${format}, allowed formats are "legacy,json"`)
  const number = (name: string) => {
    const value = flags.number(name) ?? 0
    if (value < 0) throw new UsageError(`--${name} ${value} can't be a negative number`)
    return value
  }
  const settings = sinkSettings(flags, 'log')
  if (path === '-') return [wrapSink(env, 'log', lineSink(env, format, (text) => void process.stdout.write(text)), settings)]
  const file = openRotatingFile(env, path, {
    maxMegabytes: number('audit-log-maxsize'), maxDays: number('audit-log-maxage'), maxBackups: number('audit-log-maxbackup'),
    compress: flags.bool('audit-log-compress'),
  })
  return [wrapSink(env, 'log', { ...lineSink(env, format, file.write), close: () => Promise.resolve(file.close()) }, settings)]
}

function webhookSinks(env: Env, flags: FlagValues, readFile: ReadFile): AuditSink[] {
  const path = flags.string('audit-webhook-config-file') ?? ''
  if (path === '') return []
  const flag = 'audit-webhook-config-file'
  const { location, headers } = webhookTarget(readFile(path, flag), (name) => readFile(name, flag))
  const post = async (body: string): Promise<void> => {
    const { code, body: text } = await callServer(location, {
      method: 'POST', path: `${location.path}${location.path.includes('?') ? '&' : '?'}timeout=30s`, body,
      headers: { 'content-type': 'application/json', accept: 'application/json, */*', ...headers },
    }, { clock: env.clock, timeoutMs: webhookTimeoutMs })
    if (code < 200 || code > 299) throw new Error(`the webhook answered ${code}: ${text.slice(0, 200)}`)
  }
  const sink = postSink(env, post, flags.number('audit-webhook-initial-backoff') ?? 10_000)
  return [wrapSink(env, 'webhook', sink, sinkSettings(flags, 'webhook'))]
}

function sinkSettings(flags: FlagValues, plugin: 'log' | 'webhook'): SinkSettings {
  const flag = (name: string) => `audit-${plugin}-${name}`
  const mode = flags.string(flag('mode')) ?? ''
  if (!modes.includes(mode)) throw new UsageError(`invalid audit ${plugin} mode ${mode}, allowed modes are "${modes.join(',')}"`)
  const number = (name: string) => flags.number(flag(name)) ?? 0
  const positive = (name: string, what: string): number => {
    if (number(name) > 0) return number(name)
    throw new UsageError(`invalid audit ${what} ${number(name)}, must be a positive number`)
  }
  const batch = mode === 'batch'
  const throttled = batch && flags.bool(flag('batch-throttle-enable'))
  const maxEventBytes = positive('truncate-max-event-size', `truncate ${plugin} max event size`)
  const maxBatchBytes = number('truncate-max-batch-size')
  if (maxBatchBytes < maxEventBytes) {
    throw new UsageError(`invalid audit truncate ${plugin} max batch size ${maxBatchBytes}, must be greater than max event size (${maxEventBytes})`)
  }
  if (flags.string(flag('version')) !== 'audit.k8s.io/v1') throw new UsageError(`--${flag('version')}: invalid group version, allowed versions are ["audit.k8s.io/v1"]`)
  return {
    mode: mode as AuditMode,
    batch: {
      bufferSize: batch ? positive('batch-buffer-size', `batch ${plugin} buffer size`) : 1,
      maxSize: batch ? positive('batch-max-size', `batch ${plugin} max batch size`) : 1,
      maxWaitMs: number('batch-max-wait'), parallel: plugin === 'webhook',
      ...(throttled ? {
        throttle: {
          perSecond: positive('batch-throttle-qps', `batch ${plugin} throttle QPS`), burst: positive('batch-throttle-burst', `batch ${plugin} throttle burst`),
        },
      } : {}),
    },
    ...(flags.bool(flag('truncate-enabled')) ? { truncate: { maxEventBytes, maxBatchBytes } } : {}),
  }
}
