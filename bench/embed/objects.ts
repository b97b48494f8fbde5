/** What the clusters of bench/embed.ts hold. */
import type { CronJob } from '../../src/api/generated/types/batch-v1.ts'
import type { Deployment } from '../../src/api/generated/types/apps-v1.ts'
import type { Pod } from '../../src/api/generated/types/core-v1.ts'

const containers = [{ name: 'c', image: 'example.org/c:1', resources: { requests: { cpu: '10m', memory: '16Mi' } } }]

export const deployment = (name: string, replicas: number): Deployment => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'default' },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers } } },
})

export const cronJob = (name: string, schedule: string): CronJob => ({
  apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name, namespace: 'default' },
  spec: { schedule, jobTemplate: { spec: { completions: 2, parallelism: 2, template: { spec: { restartPolicy: 'Never', containers } } } } },
})

/** A bound pod, as if a scheduler had been there. */
export const boundPod = (i: number, nodeName: string): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name: `filled-${i}`, namespace: 'default', labels: { app: `app-${i % 100}` } }, spec: { nodeName, containers },
})
