/** From nothing to ready, and how much memory an idle control plane holds. */
import { join } from 'node:path'
import { startOurs } from './ours.ts'
import { type Running, freePort, median, residentMiB, startProgram, untilReady, workFolder } from './processes.ts'
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

const starts = 3

/** The median of a few starts from nothing: the first one finds no page of a program in memory and no code compiled. */
async function readyTime(start: (dir: string) => Promise<{ readonly readyMs: number; stop(): Promise<void> }>): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < starts; i++) {
    const { dir, remove } = workFolder('start')
    const started = await start(dir)
    times.push(started.readyMs)
    await started.stop()
    remove()
  }
  return median(times)
}

export async function bootUpstream(): Promise<BootFigures> {
  const readyMs = await readyTime(startUpstream)
  const { dir, remove } = workFolder('upstream')
  const plane = await startUpstream(dir)
  try {
    const others = await plane.startControllers()
    await sleep(settleMs)
    return { readyMs, memory: memoryOf([plane.etcd, plane.apiserver, ...others]), server: total(memoryOf([plane.etcd, plane.apiserver])) }
  } finally {
    await plane.stop()
    remove()
  }
}

export async function bootOurs(): Promise<BootFigures> {
  const readyMs = await readyTime((dir) => startOurs(dir))
  const { dir, remove } = workFolder('coxswain')
  const server = await startOurs(dir)
  let plane: Running | undefined
  try {
    const port = await freePort()
    plane = startProgram('control-plane', coxswain, ['control-plane', '--data', join(dir, 'plane'), '--port', String(port), '--bind-address', '127.0.0.1'], dir)
    await untilReady(`https://127.0.0.1:${port}/readyz`, plane, performance.now())
    await sleep(settleMs)
    return { readyMs, memory: memoryOf([plane]), server: total(memoryOf([server.apiserver])) }
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
