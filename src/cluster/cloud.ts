/** The cloud controller manager in the control plane's process, where one cloud is named. */
import type { Env } from '../base/env.ts'
import { type OpenCloud, createCloudControllerManager } from '../cloud/manager.ts'
import type { CloudControllerManagerOptions } from '../cloud/options.ts'
import type { ControlPlane } from './control-plane.ts'

/** Works where the control plane leads, under the service accounts that upstream gives these controllers. */
export function startCloud(plane: ControlPlane, env: Env, open: OpenCloud, options: Omit<CloudControllerManagerOptions, 'cloud' | 'informers' | 'clientFor'>): Promise<void> {
  const acting = plane.client('system:cloud-controller-manager', ['system:masters'])
  const clientFor = (account: string) => plane.client(`system:serviceaccount:kube-system:${account}`, ['system:serviceaccounts', 'system:serviceaccounts:kube-system'])
  return plane.addLed('cloud-controller-manager', () => createCloudControllerManager(env, acting, open, { ...options, informers: plane.informers, clientFor }))
}
