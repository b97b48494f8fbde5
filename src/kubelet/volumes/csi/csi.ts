/** The node side of storage drivers, put together over the API server. Upstream: pkg/volume/csi/csi_plugin.go. */
import { orAborted } from '../../../base/abort.ts'
import type { Env } from '../../../base/env.ts'
import type { Node, PersistentVolumeClaim, Pod, Secret, SecretReference } from '../../../api/generated/types/core-v1.ts'
import type { CSIDriver } from '../../../api/generated/types/storage-v1.ts'
import { csiDrivers, secrets, volumeAttachments } from '../../../api/generated/resources.ts'
import type { Client } from '../../../client/client.ts'
import { SharedInformer } from '../../../client/informer.ts'
import type { Host } from '../../host/contract.ts'
import type { PluginHandler } from '../../plugins/contract.ts'
import type { IssuedToken } from '../tokens.ts'
import type { ConnectCsi, StringMap } from './contract.ts'
import { createExpander } from './expand.ts'
import { type CsiMounter, createCsiMounter } from './mounter.ts'
import { attachmentName, csiPaths, uniqueName } from './names.ts'
import { createNodeInfoWriter } from './node-info.ts'
import { needsAttach } from './policy.ts'
import { createCsiRegistry } from './registry.ts'

export interface CsiEnv extends Env {
  readonly client: Client
  readonly host: Host
  readonly connect: ConnectCsi
  readonly rootDir: string
  readonly nodeName: string
  node(): Node | undefined
  requestToken(pod: Pod, spec: { audiences: readonly string[]; expirationSeconds: number }): Promise<IssuedToken>
  emit(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void
  emitClaim(claim: PersistentVolumeClaim, reason: string, message: string): void
  /** A driver came: pods may have waited for it. */
  onRegistered(): void
}

export interface Csi {
  readonly handler: PluginHandler
  readonly mounter: CsiMounter
  /** Whether a controller attaches the driver's volumes to nodes. */
  attaches(driver: string): Promise<boolean>
  /** Follows CSIDriver objects, and makes the node's CSINode object as soon as the node is there. */
  start(registered: Promise<void>): void
}

/** A volume that is not attached yet; nobody is told, because it will be. */
export class NotAttachedError extends Error {}

const defaultTokenSeconds = 3600
/** ms that a volume waits for the cluster's drivers; then its step fails and is tried again. */
const syncLimitMs = 1000

export function createCsi(env: CsiEnv): Csi {
  const { client } = env
  const objects = new SharedInformer<CSIDriver>(env, csiDrivers)
  const writer = createNodeInfoWriter(env.clock, client, env.nodeName)
  const registry = createCsiRegistry(env.connect, writer, env.onRegistered)

  const driverObject = async (name: string): Promise<CSIDriver | undefined> => {
    const inTime = await Promise.race([objects.synced.then(() => true), env.clock.sleep(syncLimitMs).then(() => false)])
    if (!inTime) throw new Error('failed to sync csidrivers cache: timed out waiting for the condition')
    return objects.get({ name })
  }
  const attaches = async (driver: string) => needsAttach(await driverObject(driver))

  async function secret({ name = '', namespace = '' }: SecretReference): Promise<StringMap> {
    const found = await client.get<Secret>(secrets, { name, namespace })
    return Object.fromEntries(Object.entries(found.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]))
  }

  async function publishContext(driver: string, handle: string): Promise<StringMap> {
    if (!(await attaches(driver))) return {}
    const attached = env.node()?.status?.volumesAttached?.some(({ name }) => name === uniqueName(driver, handle)) === true
    if (!attached) throw new NotAttachedError('Volume not attached according to node status')
    const attachment = attachmentName(handle, driver, env.nodeName)
    const found = await client.get(volumeAttachments, { name: attachment }).catch((error: Error): never => {
      throw new Error(`volume ${handle} has GET error for volume attachment ${attachment}: ${error.message}`, { cause: error })
    })
    if (found.metadata.deletionTimestamp !== undefined) throw new Error('volume attachment is being deleted')
    if (found.status?.attached === true) return found.status.attachmentMetadata ?? {}
    const { message } = found.status?.attachError ?? {}
    throw new Error(message ?? `volume ${handle} is not attached for volume attachment ${attachment}`)
  }

  async function tokens(pod: Pod, driver: CSIDriver): Promise<StringMap> {
    const wanted = driver.spec.tokenRequests ?? []
    if (wanted.length === 0) return {}
    const issued = await Promise.all(wanted.map(async ({ audience, expirationSeconds = defaultTokenSeconds }) => {
      const status = await env.requestToken(pod, { audiences: audience === '' ? [] : [audience], expirationSeconds })
      return [audience, { token: status.token, expirationTimestamp: status.expirationTimestamp }] as const
    }))
    const sorted = issued.sort(([a], [b]) => (a < b ? -1 : 1))
    return { 'csi.storage.k8s.io/serviceAccount.tokens': JSON.stringify(Object.fromEntries(sorted)) }
  }

  const expand = createExpander({
    clock: env.clock, client, driver: (name) => registry.driver(name), secret,
    emit({ pod, claimed }, reason, message) {
      env.emit(pod, 'Normal', reason, message)
      env.emitClaim(claimed.claim, reason, message)
    },
  })
  return {
    handler: registry.handler, attaches,
    mounter: createCsiMounter({
      files: env.host.files, mounts: env.host.mounts, paths: csiPaths(env.rootDir), nodeName: env.nodeName, driver: (name) => registry.driver(name),
      driverObject, secret, tokens, publishContext, expand,
    }),
    start(registered) {
      env.tasks.go('watch storage drivers', (signal) => objects.run(client, signal))
      env.tasks.go('csi node', async (signal) => {
        await orAborted(registered, signal)
        while (!signal.aborted) {
          try {
            return await writer.initialize()
          } catch (error) {
            env.log.warn('CSINode was not written', { error })
            await env.clock.sleep(5000, signal)
          }
        }
      })
    },
  }
}
