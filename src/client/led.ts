/** A component that works only while this process leads; another candidate takes over when it no longer does. */
import type { Component, Env } from '../base/env.ts'
import type { Client } from './client.ts'
import { createEventRecorder } from './events.ts'
import { runLeaderElection } from './leader-election.ts'

export interface LedOptions {
  /** Name of the Lease in kube-system: "kube-scheduler". */
  readonly name: string
  /** Unique among the candidates. */
  readonly identity: string
  /** The component anew, for each time that this candidate comes to lead. */
  readonly create: () => Component
}

/** Ready as soon as it is a candidate. Whoever has lost the lead may come to it again. */
export function createLed(env: Env, client: Client, { name, identity, create }: LedOptions): Component {
  const { clock, random, log, metrics } = env
  let election: { stop(): Promise<void> } | undefined
  return {
    name, ready: Promise.resolve(),
    async start() {
      const recorder = createEventRecorder(env, client, { component: name })
      election = env.tasks.go(`${name} leader election`, async (signal) => {
        while (!signal.aborted) {
          await runLeaderElection({
            client, clock, random, log, metrics, recorder, namespace: 'kube-system', name, identity, releaseOnCancel: true,
            lead: (lost) => workUntil(create(), lost, () => log.info('leading', { lease: name, identity })),
          }, signal).catch((error: unknown) => log.error('the leader failed', { lease: name, error }))
        }
      })
    },
    async stop() {
      await election?.stop()
    },
  }
}

async function workUntil(component: Component, lost: AbortSignal, started: () => void): Promise<void> {
  const over = new Promise<void>((resolve) => (lost.aborted ? resolve() : lost.addEventListener('abort', () => resolve(), { once: true })))
  // A start waits for the first full state, and must not outlive the lead.
  const starting = component.start()
  await Promise.race([starting.then(started), over])
  await over
  await component.stop()
}
