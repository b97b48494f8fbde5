/**
 * The sample operator whose mistakes the trials look for. It keeps, for each App, `spec.parts` ConfigMaps with the App's
 * text, and one record outside of the App's namespace, which it takes away before the App goes. Every habit is a mistake
 * that published studies found in real operators; without habits it is right under every fault.
 */
import { configMaps } from '../../api/generated/resources.ts'
import type { ConfigMap } from '../../api/generated/types/core-v1.ts'
import { isStatus } from '../../api/meta/errors.ts'
import type { Client } from '../../client/client.ts'
import type { Informer } from '../../client/informer.ts'
import { type App, apps, finalizer, outside, ownerLabel } from './world.ts'

export interface Habits {
  /** Parts get names by chance and are counted in the cache, which may not show those just made. */
  readonly countsInCache?: boolean
  /** The outside record gets a name by chance, which is noted in the App by a second write. */
  readonly notesLater?: boolean
  /** No finalizer: what is outside is cleared when the deletion is seen, from what the process remembers. */
  readonly noFinalizer?: boolean
  /** A conflict is taken for "somebody has done it". */
  readonly ignoresConflicts?: boolean
  /** Any failed request is logged, and that is all. */
  readonly swallowsErrors?: boolean
  /** Parts have no owner reference. */
  readonly noOwner?: boolean
  /** Parts are put as they were seen, without a resourceVersion. */
  readonly putsBlindly?: boolean
  /** An App that is being deleted is cared for as any other. */
  readonly tendsTheDeleted?: boolean
  /** observedGeneration is that of the App as it is read when the status is written. */
  readonly observesUnseen?: boolean
  /** What is invalid is tried again at once, for ever. */
  readonly retriesAtOnce?: boolean
  /** Whatever has the label is taken for a part. */
  readonly ownsByLabel?: boolean
  /** Outside records are named and deleted by the App's name, whichever App had it. */
  readonly deletesByName?: boolean
  /** What was there before the process started is taken for done. */
  readonly skipsInitial?: boolean
  /** A part that is there is right. */
  readonly neverUpdates?: boolean
}

export interface Operator {
  readonly client: Client
  readonly apps: Informer<App>
  readonly parts: Informer<ConfigMap>
  readonly habits: Habits
  /** Names by chance. */
  readonly suffix: () => string
  /** What this process remembers, lost with it: the outside record of each App by its key. */
  readonly remembered: Map<string, string>
}

/** Brings one App ("namespace/name") to what it asks for. Throws what has to be tried again. */
export async function reconcile(operator: Operator, key: string): Promise<void> {
  const { habits, client, remembered } = operator
  const app = operator.apps.get(key)
  if (app === undefined) {
    const name = remembered.get(key)
    if (habits.noFinalizer === true && name !== undefined) await gone(client.delete(configMaps, { namespace: outside, name }))
    remembered.delete(key)
    return
  }
  if (app.metadata.deletionTimestamp !== undefined) {
    if (habits.noFinalizer !== true) await release(operator, app)
    if (habits.tendsTheDeleted !== true) return
  } else if (habits.noFinalizer !== true && !(app.metadata.finalizers ?? []).includes(finalizer)) {
    await client.update(apps, { ...app, metadata: { ...app.metadata, finalizers: [...(app.metadata.finalizers ?? []), finalizer] } })
    return
  }
  await record(operator, app, key)
  await tendParts(operator, app)
  await report(operator, app)
}

/** Resolves also when there was nothing to delete. */
async function gone(deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error
  }
}

const recordName = ({ habits }: Operator, app: App): string => (habits.deletesByName === true ? app.metadata.name! : `${app.metadata.name}-${app.metadata.uid}`)

async function release(operator: Operator, app: App): Promise<void> {
  const { client, habits } = operator
  operator.remembered.delete(`${app.metadata.namespace}/${app.metadata.name}`)
  const name = habits.notesLater === true ? app.metadata.annotations?.['record'] : recordName(operator, app)
  if (name !== undefined) await gone(client.delete(configMaps, { namespace: outside, name }))
  const finalizers = (app.metadata.finalizers ?? []).filter((one) => one !== finalizer)
  if (finalizers.length === (app.metadata.finalizers ?? []).length) return
  try {
    await client.update(apps, { ...app, metadata: { ...app.metadata, finalizers } })
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error
  }
}

async function record(operator: Operator, app: App, key: string): Promise<void> {
  const { client, habits, remembered } = operator
  if (habits.notesLater === true) {
    if (app.metadata.annotations?.['record'] !== undefined) return
    const name = `record-${operator.suffix()}`
    await client.create(configMaps, recordOf(name, app))
    await client.update(apps, { ...app, metadata: { ...app.metadata, annotations: { ...app.metadata.annotations, record: name } } })
    return
  }
  const name = recordName(operator, app)
  if (remembered.get(key) === name) return
  // An App seen late may be gone by now, and with it who would take the record away.
  if (habits.noFinalizer !== true && habits.tendsTheDeleted !== true && habits.deletesByName !== true && !(await isAlive(operator, app))) return
  try {
    await client.create(configMaps, recordOf(name, app))
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error
  }
  remembered.set(key, name)
}

async function isAlive({ client }: Operator, app: App): Promise<boolean> {
  const { namespace, name, uid } = app.metadata
  try {
    const { metadata } = await client.get(apps, { namespace, name: name! })
    return metadata.uid === uid && metadata.deletionTimestamp === undefined
  } catch (error) {
    if (isStatus(error, 'NotFound')) return false
    throw error
  }
}

const recordOf = (name: string, app: App): ConfigMap => ({
  apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: outside, labels: { app: app.metadata.name! } }, data: { uid: app.metadata.uid! },
})

async function tendParts(operator: Operator, app: App): Promise<void> {
  const { habits } = operator
  const { namespace, name, uid } = app.metadata
  const labelled = operator.parts.list(namespace).filter(({ metadata }) => metadata.labels?.[ownerLabel] === name && metadata.deletionTimestamp === undefined)
  const mine = labelled.filter(({ metadata }) => habits.ownsByLabel === true || habits.noOwner === true || metadata.ownerReferences?.some((owner) => owner.uid === uid) === true)
  const { parts } = app.spec
  if (habits.countsInCache === true) {
    for (let i = mine.length; i < parts; i++) await createPart(operator, app, `${name}-${operator.suffix()}`)
    for (const part of mine) await matchText(operator, app, part)
    for (const part of mine.slice(parts)) await deletePart(operator, part)
    return
  }
  const wanted = new Set(Array.from({ length: parts }, (_, i) => `${name}-${i}`))
  for (const part of mine) if (!wanted.has(part.metadata.name!)) await deletePart(operator, part)
  for (const one of wanted) {
    const part = mine.find(({ metadata }) => metadata.name === one)
    if (part === undefined) await createPart(operator, app, one)
    else await matchText(operator, app, part)
  }
}

async function createPart({ client, habits }: Operator, app: App, name: string): Promise<void> {
  const { namespace, uid } = app.metadata
  const owner = { apiVersion: app.apiVersion!, kind: app.kind!, name: app.metadata.name!, uid: uid!, controller: true }
  // The label is the App's text too, so that some texts are refused.
  await client.create(configMaps, {
    apiVersion: 'v1', kind: 'ConfigMap', data: { text: app.spec.text },
    metadata: { name, namespace, labels: { [ownerLabel]: app.metadata.name!, text: app.spec.text }, ...(habits.noOwner === true ? {} : { ownerReferences: [owner] }) },
  })
}

async function deletePart({ client }: Operator, { metadata: { namespace, name, uid } }: ConfigMap): Promise<void> {
  await gone(client.delete(configMaps, { namespace, name: name! }, { preconditions: { uid: uid! } }))
}

async function matchText({ client, habits }: Operator, app: App, part: ConfigMap): Promise<void> {
  if (habits.neverUpdates === true || part.data?.['text'] === app.spec.text) return
  const { resourceVersion, ...others } = part.metadata
  const labels = { ...part.metadata.labels, text: app.spec.text }
  await client.update(configMaps, { ...part, metadata: { ...others, ...(habits.putsBlindly === true ? {} : { resourceVersion }), labels }, data: { text: app.spec.text } })
}

async function report({ client, habits }: Operator, app: App): Promise<void> {
  const { namespace, name, generation } = app.metadata
  const { status } = app
  if (status?.observedGeneration === generation && status?.text === app.spec.text) return
  const current = habits.observesUnseen === true ? await client.get(apps, { namespace, name: name! }) : app
  await client.update(apps, { ...current, status: { observedGeneration: current.metadata.generation!, text: app.spec.text } }, { subresource: 'status' })
}
