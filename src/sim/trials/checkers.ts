/** What has to hold while a trial runs and when it has come to rest. Each violation is a sentence for people. */
import { configMaps } from '../../api/generated/resources.ts'
import type { ConfigMap } from '../../api/generated/types/core-v1.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { StoreWrite } from '../../cluster/cluster.ts'
import { type App, apps, inside, outside, ownerLabel } from './world.ts'

const storedApps = `/registry/trials.example.org/apps/${inside}/`
const storedParts = `/registry/configmaps/${inside}/`
const storedRecords = `/registry/configmaps/${outside}/`
/** So many refusals of what is invalid within a minute are a storm. */
const mostRefusals = 60

/** Looks at every write. */
export class RunningCheckers {
  readonly violations: string[] = []
  readonly #apps = new Map<string, App>()
  readonly #parts = new Map<string, ConfigMap>()
  readonly #records = new Map<string, ConfigMap>()
  /** By the App's uid. */
  readonly #mostParts = new Map<string, number>()

  see({ key, value }: StoreWrite): void {
    const object = value === undefined ? undefined : (JSON.parse(Buffer.from(value).toString()) as App & ConfigMap)
    if (key.startsWith(storedApps)) this.#app(key, object)
    else if (key.startsWith(storedParts)) this.#part(key, object)
    else if (key.startsWith(storedRecords)) this.#record(key, object)
  }

  #app(key: string, app: App | undefined): void {
    if (app === undefined) return void this.#apps.delete(key)
    this.#apps.set(key, app)
    const { uid, name, generation } = app.metadata
    this.#mostParts.set(uid!, Math.max(app.spec.parts, this.#mostParts.get(uid!) ?? 0))
    if (app.status?.observedGeneration === generation && app.status?.text !== app.spec.text) {
      this.#tell(`the status of ${name} says of generation ${generation} what is true of an earlier one`)
    }
  }

  #part(key: string, part: ConfigMap | undefined): void {
    const old = this.#parts.get(key)
    if (part === undefined) {
      this.#parts.delete(key)
      if (old?.metadata.labels?.['foreign'] === 'yes') this.#tell(`${old.metadata.name} belongs to somebody else and was deleted`)
      return
    }
    this.#parts.set(key, part)
    const noted = old?.metadata.annotations?.['noted']
    if (noted !== undefined && part.metadata.uid === old!.metadata.uid && Number(part.metadata.annotations?.['noted'] ?? 0) < Number(noted)) {
      this.#tell(`what somebody else wrote into ${part.metadata.name} was lost`)
    }
    const owner = part.metadata.ownerReferences?.[0]?.uid
    if (owner === undefined) return
    const count = [...this.#parts.values()].filter(({ metadata }) => metadata.ownerReferences?.[0]?.uid === owner).length
    const most = this.#mostParts.get(owner)
    if (most !== undefined && count > most) this.#tell(`${part.metadata.labels?.[ownerLabel]} had ${count} parts and never asked for more than ${most}`)
  }

  #record(key: string, record: ConfigMap | undefined): void {
    const old = this.#records.get(key)
    if (record !== undefined) return void this.#records.set(key, record)
    this.#records.delete(key)
    const living = [...this.#apps.values()].find(({ metadata }) => metadata.uid === old?.data?.['uid'])
    if (living !== undefined && living.metadata.deletionTimestamp === undefined && this.#recordsOf(living).length === 0) {
      this.#tell(`the record of ${living.metadata.name} was deleted while it lives`)
    }
  }

  #recordsOf(app: App): ConfigMap[] {
    return [...this.#records.values()].filter(({ data }) => data?.['uid'] === app.metadata.uid)
  }

  #tell(violation: string): void {
    if (!this.violations.includes(violation)) this.violations.push(violation)
  }
}

/** Looks at a world in which nothing is expected to change any more. */
export async function checkRest({ client }: Cluster): Promise<string[]> {
  const out: string[] = []
  const living = (await client.list(apps, { namespace: inside })).items
  const all = (await client.list(configMaps, { namespace: inside })).items
  const records = (await client.list(configMaps, { namespace: outside })).items.filter(({ data }) => data?.['uid'] !== undefined)
  const foreign = (part: ConfigMap): boolean => part.metadata.labels?.['foreign'] === 'yes'
  const parts = all.filter((part) => part.metadata.labels?.[ownerLabel] !== undefined && !foreign(part))
  for (const { metadata, spec, status } of living) {
    const { name, uid, generation } = metadata
    if (metadata.deletionTimestamp !== undefined) out.push(`${name} is still being deleted`)
    const mine = parts.filter((part) => part.metadata.labels?.[ownerLabel] === name)
    if (mine.length !== spec.parts) out.push(`${name} has ${mine.length} parts instead of ${spec.parts}`)
    if (mine.some((part) => part.data?.['text'] !== spec.text)) out.push(`a part of ${name} has an old text`)
    if (status?.observedGeneration !== generation) out.push(`the status of ${name} is of an earlier generation`)
    const count = records.filter(({ data }) => data!['uid'] === uid).length
    if (count !== 1) out.push(`${name} has ${count} records`)
  }
  const names = new Set(living.map(({ metadata }) => metadata.name))
  const uids = new Set(living.map(({ metadata }) => metadata.uid))
  if (parts.some(({ metadata }) => !names.has(metadata.labels![ownerLabel]))) out.push('parts are left of an App that is gone')
  if (records.some(({ data }) => !uids.has(data!['uid']))) out.push('records are left of an App that is gone')
  return out
}

/** Whether a minute of these moments (ms, ascending) is a storm. */
export function checkStorm(refusals: readonly number[]): string[] {
  const storm = refusals.some((at, i) => i >= mostRefusals && at - refusals[i - mostRefusals]! < 60_000)
  return storm ? [`what is invalid was asked for more than ${mostRefusals} times within a minute`] : []
}
