/** Guards the node: evicts pods, collects images, rotates logs. Upstream: pkg/kubelet/kubelet.go initializeModules. */
import type { Env } from '../base/env.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import { quantityValue } from '../api/meta/quantity.ts'
import { formatTime } from '../api/meta/time.ts'
import type { Cri } from './cri/contract.ts'
import { type EvictionManager, createEvictionManager, disrupted } from './eviction/manager.ts'
import { parseThresholds } from './eviction/thresholds.ts'
import { createPodUsageReader, imageDisk, observeNode } from './eviction/usage.ts'
import type { Host } from './host/contract.ts'
import { createImageCollector } from './images/garbage.ts'
import { createLogRotator } from './logs/rotate.ts'
import type { ResolvedOptions } from './options.ts'
import { podUid } from './pod.ts'
import type { PodWorkers } from './pod-workers.ts'

export interface GuardEnv extends Env {
  readonly cri: Cri
  readonly host: Host
  readonly options: ResolvedOptions
  workers(): PodWorkers
  activePods(): readonly Pod[]
  /** Removes dead containers of pods that are gone. */
  removeDeadContainers(): Promise<void>
  emitPod(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string, annotations?: Readonly<Record<string, string>>): void
  emitNode(type: 'Normal' | 'Warning', reason: string, message: string): void
  onConditions(): void
}

export interface Guard {
  readonly eviction: EvictionManager
  preempt(pod: Pod): void
  start(): void
}

const preemptedText = 'Preempted in order to admit critical pod'

/** Throws Error with upstream's text for thresholds that cannot be read. */
export function createGuard(env: GuardEnv): Guard {
  const { clock, log, cri, host, options, tasks } = env
  const usageEnv = { clock, host, cri, rootDir: options.rootDir, podLogsDir: options.podLogsDir, countedForMs: options.volumeStatsAggPeriod }
  const pods = createPodUsageReader(usageEnv)
  const nodeDisk = async () => (await imageDisk(cri, host)) ?? host.disk(options.rootDir)
  const images = createImageCollector({
    clock, log, cri, disk: nodeDisk, emitNode: env.emitNode,
    policy: {
      highPercent: options.imageGCHighThresholdPercent, lowPercent: options.imageGCLowThresholdPercent, minAgeMs: options.imageMinimumGCAge,
      maxAgeMs: options.imageMaximumGCAge,
    },
  })
  const eviction = createEvictionManager({
    clock, log, thresholds: parseThresholds(options), transitionMs: options.evictionPressureTransitionPeriod,
    maxPodGraceSeconds: options.evictionMaxPodGracePeriod, localStorageIsolation: options.localStorageCapacityIsolation, observations: () => observeNode(usageEnv),
    usage: (list) => pods.read(list), activePods: env.activePods, kill: (pod, kill) => env.workers().update({ pod, kill }),
    isGone: (uid) => ['finished', undefined].includes(env.workers().phase(uid)), emitPod: env.emitPod, emitNode: env.emitNode, onConditions: env.onConditions,
    async reclaimDisk() {
      await env.removeDeadContainers()
      await images.removeUnused()
    },
  })
  const logs = createLogRotator({
    clock, log, files: host.files, runtime: cri.runtime, maxBytes: quantityValue(options.containerLogMaxSize), maxFiles: options.containerLogMaxFiles,
    intervalMs: options.containerLogMonitorInterval,
  })
  return {
    eviction,
    preempt(pod) {
      env.emitPod(pod, 'Warning', 'Preempting', preemptedText)
      const text = 'Pod was preempted by Kubelet to accommodate a critical pod.'
      env.workers().update({
        pod, kill: {
          evict: true,
          status: (status) => ({ ...status, phase: 'Failed', reason: 'Preempting', message: preemptedText, conditions: disrupted(status, pod, text, formatTime(clock.now())) }),
        },
      })
      log.info('pod was preempted', { pod: podUid(pod) })
    },
    start() {
      tasks.go('eviction', (signal) => eviction.run(signal))
      tasks.go('image garbage', (signal) => images.run(signal))
      if (options.containerLogMaxFiles > 1) tasks.go('log rotation', (signal) => logs.run(signal))
    },
  }
}
