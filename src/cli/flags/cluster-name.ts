import { defaultClusterName } from '../../cluster/hosts/plan-hosts.ts'
import type { Flag } from '../command.ts'

/** Which cluster of this machine a command means. */
export const clusterNameFlag: Flag = {
  name: 'name', type: 'string', default: process.env['COXSWAIN_NAME'] ?? defaultClusterName,
  help: 'Name of the cluster; several run beside each other (COXSWAIN_NAME sets the default)',
}
