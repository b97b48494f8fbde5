import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Logger } from '../base/env.ts'
import { createSystemEnv } from '../base/real/env.ts'
import { createApiServer } from './server.ts'

test('a server stopped while its start is still at work writes nothing more and leaves no task behind', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'stop-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true }))
  const complaints: unknown[] = []
  const complain = (message: string, fields?: object) => void complaints.push({ message, ...fields })
  const log: Logger = { debug: () => undefined, info: () => undefined, warn: complain, error: complain, child: () => log }
  for (const afterMs of [0, 4, 8, 12, 16, 20]) {
    const env = createSystemEnv({ log })
    let begun = 0
    const tasks = { ...env.tasks, go: ((name, run) => (begun++, env.tasks.go(name, run))) satisfies typeof env.tasks.go }
    const server = await createApiServer({ ...env, tasks }, { dataDir: join(dataDir, String(afterMs)), hostName: 'host', advertiseAddress: '192.0.2.10' })
    await server.start()
    await server.ready
    await env.clock.sleep(afterMs)
    await server.stop()
    const atStop = begun
    // Every task of the server is over: a group that still had one would wait for it here.
    await env.tasks.stop()
    await env.clock.sleep(50)
    expect(begun).toBe(atStop)
    expect(complaints).toEqual([])
  }
})
