/** From nothing to ready, and how much memory an idle control plane holds. */
import { join } from 'node:path'
import { startOurs } from './ours.ts'
import { type Running, freePort, residentMiB, startProgram, untilReady, workFolder } from './processes.ts'
import { coxswain, startUpstream } from './upstream.ts'

export interface BootFigures {
  /** Of the API server with its store. */
  readonly readyMs: number
  /** Of each program of the whole control plane, in MiB. */
  readonly memory: Readonly<Record<string, number>>
  /** Of the API server with its store, in MiB. */
  readonly server: number
}

const settleMs = 15_000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export async function bootUpstream(): Promise<BootFigures> {
  const { dir, remove } = workFolder('upstream')
  const plane = await startUpstream(dir)
  try {
    const others = await plane.startControllers()
    await sleep(settleMs)
    return { readyMs: plane.readyMs, memory: memoryOf([plane.etcd, plane.apiserver, ...others]), server: total(memoryOf([plane.etcd, plane.apiserver])) }
  } finally {
    await plane.stop()
    remove()
  }
}

export async function bootOurs(): Promise<BootFigures> {
  const { dir, remove } = workFolder('coxswain')
  const server = await startOurs(dir)
  let plane: Running | undefined
  try {
    const port = await freePort()
    plane = startProgram('control-plane', coxswain, ['control-plane', '--data', join(dir, 'plane'), '--port', String(port), '--bind-address', '127.0.0.1'], dir)
    await untilReady(`https://127.0.0.1:${port}/readyz`, plane, performance.now())
    await sleep(settleMs)
    return { readyMs: server.readyMs, memory: memoryOf([plane]), server: total(memoryOf([server.apiserver])) }
  } finally {
    await server.stop()
    await plane?.stop()
    remove()
  }
}

function memoryOf(programs: readonly Running[]): Record<string, number> {
  return Object.fromEntries(programs.map(({ name, pid }) => [name, residentMiB(pid)]))
}

export const total = (memory: Readonly<Record<string, number>>): number => Object.values(memory).reduce((sum, mib) => sum + mib, 0)
