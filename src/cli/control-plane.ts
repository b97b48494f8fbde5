/** `coxswain control-plane`: API server, controllers and scheduler in one process; hack/up runs it. */
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type ServerPki, loadPki } from '../apiserver/http/files.ts'
import type { ApiServerOptions } from '../apiserver/server.ts'
import { startCloud } from '../cluster/cloud.ts'
import { startControlPlane } from '../cluster/control-plane.ts'
import { kubeconfigText } from '../cluster/pki/kubeconfig.ts'
import { firstAddress, serverNames } from '../cluster/pki/memory.ts'
import { writeSecret } from '../cluster/pki/pki.ts'
import { createHollowNodes, hollowNodeSpecs } from '../sim/nodes/hollow-nodes.ts'
import { cloudNamed } from './cloud.ts'
import type { Command, Invocation } from './command.ts'
import { systemEnv, untilSignalled, withoutFrom } from './component.ts'
import { controlPlaneFlags } from './flags/control-plane.ts'
import { legacyTokens } from './legacy-tokens.ts'

export const command: Command = {
  name: 'control-plane',
  summary: 'API server, scheduler and controllers in one process',
  description: 'Runs a whole control plane in this process until it is told to end.\n\nExample:\n  coxswain control-plane --data ./state --port 6443 --kubeconfig ./admin.kubeconfig --simulate 3',
  flags: controlPlaneFlags,
  run,
}

async function run(invocation: Invocation): Promise<number> {
  const { flags, stderr } = invocation
  const env = systemEnv(invocation, 'control-plane')
  const data = flags.string('data')!
  const port = flags.number('port')!
  const bindAddress = flags.string('bind-address')!
  const advertiseAddress = flags.string('advertise-address') ?? (bindAddress === '0.0.0.0' ? '127.0.0.1' : bindAddress)
  const serviceCIDRs = flags.list('service-cidr')
  const names = serverNames(['127.0.0.1', advertiseAddress, ...serviceCIDRs.map(firstAddress)], flags.list('address'))
  const pki = loadPki(join(data, 'pki'), { now: new Date(), ...names })
  const etcd = { endpoints: flags.list('etcd-servers'), caFile: flags.string('etcd-cafile'), certFile: flags.string('etcd-certfile'), keyFile: flags.string('etcd-keyfile') }
  const without = withoutFrom(flags, ['kube-controller-manager', 'kube-scheduler'])
  const provider = flags.string('cloud-provider')!
  const cloud = provider === '' ? undefined : cloudNamed(provider, flags.string('cloud-config')!)
  const plane = await startControlPlane(env, {
    apiserver: apiServerOptions({ data, pki, port, bindAddress, advertiseAddress, serviceCIDRs, etcd }),
    scheduler: !without.includes('kube-scheduler'),
    controllers: !without.includes('kube-controller-manager') && {
      controllers: flags.list('controllers'), rootCA: pki.ca.cert, clusterCIDRs: flags.list('cluster-cidr'), serviceCIDRs,
      signServiceAccountToken: legacyTokens(pki.serviceAccountKey), clusterSigningCert: pki.ca.cert, clusterSigningKey: pki.ca.key,
    },
    ...(flags.bool('leader-elect') ? { candidate: advertiseAddress } : {}), host: hostname(), progress: (text) => env.log.info(text),
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    stderr(`error: port ${port} of ${bindAddress} is in use: choose another with --port, or stop what listens there\n`)
    return undefined
  })
  if (plane === undefined) return 1
  if (cloud !== undefined) await startCloud(plane, env, cloud, { controllers: flags.list('cloud-controllers'), clusterName: flags.string('context')! })
  const simulated = flags.number('simulate')!
  if (simulated > 0) {
    await plane.addLed('coxswain-simulated-nodes', () =>
      createHollowNodes(env, (node) => plane.client(`system:node:${node}`, ['system:masters']), { nodes: hollowNodeSpecs(simulated), informers: plane.informers }))
  }
  const kubeconfig = flags.string('kubeconfig')
  if (kubeconfig !== undefined) {
    const server = `https://${bindAddress === '0.0.0.0' ? '127.0.0.1' : bindAddress}:${plane.server.port}`
    writeSecret(kubeconfig, kubeconfigText({ clusterName: flags.string('context')!, server, caCert: pki.ca.cert, user: `${flags.string('context')}-admin`, credentials: pki.admin }))
  }
  env.log.info('ready', { url: plane.server.url })
  await untilSignalled()
  await plane.stop()
  return 0
}

interface ServerSettings {
  readonly data: string
  readonly pki: ServerPki
  readonly port: number
  readonly bindAddress: string
  readonly advertiseAddress: string
  readonly serviceCIDRs: readonly string[]
  /** Without endpoints the store lies in the folder. */
  readonly etcd: NonNullable<ApiServerOptions['etcd']>
}

function apiServerOptions({ data, pki, port, bindAddress, advertiseAddress, serviceCIDRs, etcd }: ServerSettings) {
  return {
    ...(etcd.endpoints.length > 0 ? { etcd } : { dataDir: join(data, 'control-plane') }), tls: pki.server, bindAddress, securePort: port, advertiseAddress,
    caCertificate: pki.ca.cert, clientCA: pki.ca.cert, serviceClusterIPRanges: serviceCIDRs, bootstrapTokens: true,
    requestHeader: {
      clientCA: pki.frontProxyCA, allowedNames: ['front-proxy-client'], usernameHeaders: ['X-Remote-User'], uidHeaders: ['X-Remote-Uid'],
      groupHeaders: ['X-Remote-Group'], extraHeaderPrefixes: ['X-Remote-Extra-'],
    },
    serviceAccount: { issuers: ['https://kubernetes.default.svc.cluster.local'], signingKey: pki.serviceAccountKey, keys: [pki.serviceAccountKey], extendExpiration: true },
    proxyClient: pki.frontProxyClient,
    kubelet: { tls: { cert: pki.kubeletClient.cert, key: pki.kubeletClient.key, ca: pki.ca.cert } },
    authorizationModes: ['Node', 'RBAC'] as const,
    // As kubeadm sets a cluster up.
    admissionPlugins: { enable: ['NodeRestriction'] },
  }
}
