import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('kube-apiserver serves what ours stored in etcd or in a store of its own, and ours what kube-apiserver stored, there and back', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../storage/main.ts')], { encoding: 'utf8' })
  for (const reader of ['kube-apiserver on etcd', 'coxswain on etcd', 'snapshot, kube-apiserver on etcd', 'snapshot, coxswain on folder']) {
    expect(stdout + stderr).toMatch(new RegExp(`${reader} shows (\\d+) of \\1 objects`))
  }
  expect(status, stdout).toBe(0)
}, 400_000)
