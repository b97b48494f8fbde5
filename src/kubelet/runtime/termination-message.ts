/** What a dead container left as its last words. Upstream: kuberuntime_container.go getTerminationMessage. */
import type { HostFiles } from '../host/contract.ts'
import { lastText } from '../logs/cri-log.ts'
import type { ReadTerminationMessage } from './pod-status.ts'

const maxMessage = 4096
const maxFromLog = 2048
const maxLogLines = 80

/** Reads the file that was mounted for it, or with FallbackToLogsOnError and a failure the end of the log. */
export function terminationMessageReader(files: HostFiles): ReadTerminationMessage {
  return async (status, path, policy) => {
    const fallback = policy === 'FallbackToLogsOnError' && status.exitCode !== 0
    const mount = path === '' ? undefined : status.mounts.find(({ containerPath }) => containerPath === path)
    if (mount !== undefined) {
      let data: Buffer | undefined
      try {
        data = await files.readTail(mount.hostPath, maxMessage)
      } catch (error) {
        return `Error on reading termination log ${mount.hostPath}: ${(error as Error).message}`
      }
      if (data !== undefined && data.length > 0) return data.toString('utf8')
    }
    if (!fallback) return ''
    const tail = await files.readTail(status.logPath, 64 * 1024).catch(() => undefined)
    return tail === undefined ? '' : lastText(tail, maxLogLines, maxFromLog)
  }
}
