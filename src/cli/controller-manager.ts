import { readFileSync } from 'node:fs'
import { createControllerManager } from '../controllers/manager.ts'
import type { Command, FlagValues } from './command.ts'
import { clientFlags, leaderElectionFlags, runWithClient } from './component.ts'
import { controllerManagerFlags } from './flags/controller-manager.ts'

export const command: Command = {
  name: 'controller-manager',
  summary: 'All controllers (kube-controller-manager)',
  description: 'Runs controllers against the API server that the kubeconfig names.\n\nExample:\n  coxswain controller-manager --kubeconfig controllers.conf --controllers "*,-node-ipam-controller"',
  flags: [...clientFlags, ...leaderElectionFlags('kube-controller-manager'), ...controllerManagerFlags],
  run: (invocation) => runWithClient(invocation, 'kube-controller-manager', (env, client) => createControllerManager(env, client, optionsFrom(invocation.flags))),
}

function optionsFrom(flags: FlagValues) {
  const file = (name: string): string | undefined => {
    const path = flags.string(name)
    return path === undefined || path === '' ? undefined : readFileSync(path, 'utf8')
  }
  const signer = (name: string) => {
    const [certificate, key] = [file(`cluster-signing-${name}-cert-file`), file(`cluster-signing-${name}-key-file`)]
    return certificate === undefined || key === undefined ? undefined : { certificate, key }
  }
  return {
    signers: {
      kubeletServing: signer('kubelet-serving'), kubeletClient: signer('kubelet-client'),
      kubeAPIServerClient: signer('kube-apiserver-client'), legacyUnknown: signer('legacy-unknown'),
    },
    featureGates: Object.fromEntries(Object.entries(flags.map('feature-gates') ?? {}).map(([name, on]) => [name, on === 'true'])),
    clusterSigningDurationMs: flags.number('cluster-signing-duration'),
    controllers: flags.list('controllers'), rootCA: file('root-ca-file'), clusterCIDRs: flags.list('cluster-cidr'), serviceCIDRs: flags.list('service-cluster-ip-range'),
    allocateNodeCIDRs: flags.bool('allocate-node-cidrs'), clusterSigningCert: file('cluster-signing-cert-file'), clusterSigningKey: file('cluster-signing-key-file'),
    autoscalerSyncPeriodMs: flags.number('horizontal-pod-autoscaler-sync-period'), autoscalerTolerance: Number(flags.string('horizontal-pod-autoscaler-tolerance')),
    autoscalerDownscaleStabilizationMs: flags.number('horizontal-pod-autoscaler-downscale-stabilization'),
    autoscalerCPUInitializationMs: flags.number('horizontal-pod-autoscaler-cpu-initialization-period'),
    autoscalerInitialReadinessMs: flags.number('horizontal-pod-autoscaler-initial-readiness-delay'),
    nodeMonitorGracePeriodMs: flags.number('node-monitor-grace-period'), nodeMonitorPeriodMs: flags.number('node-monitor-period'),
    nodeStartupGracePeriodMs: flags.number('node-startup-grace-period'), nodeCIDRMaskSizeIPv4: flags.number('node-cidr-mask-size-ipv4'),
    nodeCIDRMaskSizeIPv6: flags.number('node-cidr-mask-size-ipv6'), terminatedPodGCThreshold: flags.number('terminated-pod-gc-threshold'),
  }
}
