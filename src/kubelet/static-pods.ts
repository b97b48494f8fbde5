/** Pods from files of a folder, or from a URL. Upstream: pkg/kubelet/config/{file,common}.go. */
import { createHash } from 'node:crypto'
import type { Pod } from '../api/generated/types/core-v1.ts'
import { parseYaml } from '../api/codec/yaml.ts'
import type { HostFiles } from './host/contract.ts'
import { configHashAnnotation, configMirrorAnnotation, configSeenAnnotation, configSourceAnnotation } from './pod.ts'

export interface StaticPodsResult {
  readonly pods: readonly Pod[]
  readonly errors: readonly { file: string; error: Error }[]
}

/** Reads all manifests; hidden files are passed over, broken ones reported. */
export async function readStaticPods(files: HostFiles, path: string, nodeName: string, now: string): Promise<StaticPodsResult> {
  const pods: Pod[] = []
  const errors: { file: string; error: Error }[] = []
  const info = await files.stat(path)
  const names = info?.type === 'dir' ? (await files.list(path)).filter((name) => !name.startsWith('.')).map((name) => `${path}/${name}`) : [path]
  for (const file of info === undefined ? [] : names) {
    try {
      if ((await files.stat(file))?.type !== 'file') continue
      pods.push(staticPod((await files.readText(file)) ?? '', file, nodeName, now))
    } catch (error) {
      errors.push({ file, error: error as Error })
    }
  }
  return { pods, errors }
}

/** What a URL serves: a pod, or a list of them. Throws when it is neither. */
export function staticPodsFromUrl(text: string, url: string, nodeName: string, now: string): StaticPodsResult {
  const served = parseYaml(text) as Pod & { items?: Pod[] }
  const list = served?.kind === 'PodList' ? (served.items ?? []).map((pod) => ({ ...pod, kind: 'Pod' })) : [served]
  return { pods: list.map((pod) => completePod(pod, { kind: 'http', place: url }, nodeName, now)), errors: [] }
}

/** The pod of one manifest: its UID is a hash of node, file and content, its name ends in the node's. */
export function staticPod(text: string, file: string, nodeName: string, now: string): Pod {
  return completePod(parseYaml(text) as Pod, { kind: 'file', place: file }, nodeName, now)
}

function completePod(pod: Pod, source: { kind: 'file' | 'http'; place: string }, nodeName: string, now: string): Pod {
  const file = source.place
  if (pod?.kind !== 'Pod' || pod.metadata?.name === undefined) throw new Error(`${file}: not a Pod with a name`)
  const given = pod.metadata.uid ?? ''
  const uid = given !== '' ? given : createHash('md5').update(`${source.kind === 'file' ? `host:${nodeName}file:` : 'url:'}${file}${JSON.stringify(pod)}`).digest('hex')
  const spec = pod.spec!
  return {
    ...pod,
    metadata: {
      ...pod.metadata, uid, name: `${pod.metadata.name}-${nodeName.toLowerCase()}`, namespace: pod.metadata.namespace ?? 'default',
      annotations: { ...pod.metadata.annotations, [configHashAnnotation]: uid, [configSeenAnnotation]: now, [configSourceAnnotation]: source.kind },
    },
    spec: {
      ...spec, nodeName, restartPolicy: spec.restartPolicy ?? 'Always', dnsPolicy: spec.dnsPolicy ?? 'ClusterFirst',
      enableServiceLinks: spec.enableServiceLinks ?? true, terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
      tolerations: [...(spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
      containers: spec.containers.map((container) => ({
        terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File',
        imagePullPolicy: /:(?!latest$)[^/]+$/.test(container.image ?? '') ? 'IfNotPresent' : 'Always', ...container,
      })),
    },
    status: { phase: 'Pending' },
  }
}

/** What the API server is shown of a static pod. */
export function mirrorOf(pod: Pod, node: { name: string; uid: string } | undefined): Pod {
  const { uid: _uid, ...metadata } = pod.metadata
  return {
    ...pod,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [configMirrorAnnotation]: metadata.annotations![configHashAnnotation]! },
      ...(node === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid, controller: true }] }),
    },
  }
}

/** Whether a mirror shows this very static pod. */
export function isMirrorOf(mirror: Pod, pod: Pod): boolean {
  return mirror.metadata.annotations?.[configMirrorAnnotation] === pod.metadata.annotations?.[configHashAnnotation]
}
