/** Behind hack/check-ha: runs the scenarios of ha.cluster.ts that are asked for, and says how long writers waited in each. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Figure, scenarios } from './ha-scenarios.ts'

const usage = `Three API servers over three members of etcd, each pair in a network namespace (hack/up --ha), and what is done to them.
After each scenario every acknowledged write is shown by every server and by a watch that began before all of them.
usage: hack/check-ha [SCENARIO...]        (all; needs root on Linux, Go for etcd, nftables; strace for what fails with disks)
scenarios:
${Object.entries(scenarios).map(([name, shows]) => `  ${name.padEnd(16)} ${shows}`).join('\n')}`

const names = process.argv.slice(2)
const unknown = names.filter((name) => !(name in scenarios))
if (names.includes('--help') || names.includes('-h')) console.log(usage)
else if (unknown.length > 0) {
  console.error(`there is no scenario ${unknown.join(', ')}\n${usage}`)
  process.exitCode = 2
} else process.exitCode = run()

function run(): number {
  const root = resolve(import.meta.dirname, '../..')
  const folder = mkdtempSync(join(tmpdir(), 'check-ha-'))
  const file = join(folder, 'figures')
  const chosen = names.length === 0 ? [] : ['-t', `^(${names.join('|')}):`]
  const { status } = spawnSync(join(root, 'node_modules/.bin/vitest'), ['run', '--config', join(root, 'vitest.ha.config.ts'), ...chosen], {
    cwd: root, stdio: 'inherit', env: { ...process.env, COXSWAIN_HA_FIGURES: file },
  })
  const figures = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Figure) : []
  for (const { test, writes, longestMs } of figures) console.log(`${(longestMs / 1000).toFixed(1).padStart(5)} s without a write, ${String(writes).padStart(5)} writes: ${test}`)
  rmSync(folder, { recursive: true, force: true })
  return status ?? 1
}
