/** Members of an etcd give room back that they no longer use; each is busy with nothing else meanwhile. Upstream: etcdctl defrag. */
import { Etcd3 } from 'etcd3'
import { type EtcdOptions, connection } from './connection.ts'
import { Members } from './members.ts'

/** A large database takes its time. */
const withinMs = 10 * 60_000

/** Defragments the one member that `endpoints` names; answers the size of its database in bytes. */
export async function defragmentMember(o: EtcdOptions): Promise<{ readonly before: number; readonly after: number }> {
  const client = new Etcd3(connection({ ...o, timeoutMs: withinMs }, new Members(o.endpoints, o.clock)))
  try {
    const size = async (): Promise<number> => Number((await client.maintenance.status()).dbSize)
    const before = await size()
    await client.maintenance.defragment()
    return { before, after: await size() }
  } finally {
    client.close()
  }
}

/**
 * Takes back the alarms of members whose quota was used up, so that the etcd takes writes again; answers those members' ids, in
 * hexadecimal. A member that has still no room raises its alarm again. Upstream: etcdctl alarm disarm.
 */
export async function disarmNoSpace(o: EtcdOptions): Promise<string[]> {
  const client = new Etcd3(connection(o, new Members(o.endpoints, o.clock)))
  try {
    const { alarms } = await client.maintenance.alarm({ action: 'Get' })
    const full = alarms.filter(({ alarm }) => alarm === 'Nospace')
    for (const { memberID, alarm } of full) await client.maintenance.alarm({ action: 'Deactivate', memberID, alarm })
    return full.map(({ memberID }) => BigInt(memberID).toString(16))
  } finally {
    client.close()
  }
}
