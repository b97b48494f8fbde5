/** What tells others that this server lives and since when it follows the use of old tokens. */
import { createHash } from 'node:crypto'
import { configMaps, leases } from '../../../api/generated/resources.ts'
import { formatMicroTime } from '../../../api/meta/time.ts'
import { type PostStartHook, ensureObject } from './hooks.ts'

const namespace = 'kube-system'
const leaseSeconds = 3600
const renewMs = 10_000

/** A lease in kube-system, named after the host: servers that restart on a host are the same server. */
export function identityLeaseHook(hostName: string, advertised: () => string): PostStartHook {
  const hash = createHash('sha256').update(`${hostName}kube-apiserver`).digest('hex').slice(0, 26)
  const name = `apiserver-${hash}`
  return {
    name: 'start-kube-apiserver-identity-lease-controller',
    late: true,
    async run({ env, client }) {
      const holderIdentity = `${name}_${env.random.uuid()}`
      const renew = async () => {
        const renewTime = formatMicroTime(env.clock.now())
        const spec = { holderIdentity, leaseDurationSeconds: leaseSeconds, renewTime }
        const labels = { 'apiserver.kubernetes.io/identity': 'kube-apiserver', 'kubernetes.io/hostname': hostName }
        const annotations = { 'kubernetes.io/peer-advertise-address': advertised() }
        const stored = await ensureObject(client, leases, {
          apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace, labels, annotations }, spec,
        })
        if (stored.spec?.renewTime !== renewTime) await client.update(leases, { ...stored, spec })
      }
      await renew()
      env.tasks.go('identity lease', async (signal) => {
        for (;;) {
          await env.clock.sleep(renewMs, signal)
          await renew().catch((error: unknown) => env.log.warn('the identity lease could not be renewed', { error }))
        }
      })
    },
  }
}

/** Since when the use of tokens in secrets is followed; the controller that clears them up reads it. */
export const legacyTokenTrackingHook: PostStartHook = {
  name: 'start-legacy-token-tracking-controller',
  late: true,
  async run({ env, client }) {
    const since = new Date(env.clock.now()).toISOString().slice(0, 10)
    await ensureObject(client, configMaps, {
      apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kube-apiserver-legacy-service-account-token-tracking', namespace }, data: { since },
    })
  },
}
