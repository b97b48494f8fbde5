import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('kube-apiserver serves what ours stored in etcd, and ours what kube-apiserver stored', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../storage/main.ts')], { encoding: 'utf8' })
  expect(stdout + stderr).toMatch(/kube-apiserver shows (\d+) of \1 objects/)
  expect(stdout).toMatch(/coxswain shows (\d+) of \1 objects/)
  expect(status, stdout).toBe(0)
})
