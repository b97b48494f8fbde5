/**
 * Our API server and scheduler in one process for bench/scheduler.ts, with the admission plugins off that upstream's
 * scheduler_perf turns off. Arguments: port, folder of the PKI, feature gates as JSON, configuration file or ''.
 */
import { loadPki } from '../../src/apiserver/http/files.ts'
import { createLogger, createSystemEnv } from '../../src/base/real/env.ts'
import { readConfiguration } from '../../src/cli/scheduler-configuration.ts'
import { startControlPlane } from '../../src/cluster/control-plane.ts'
import { createScheduler } from '../../src/scheduler/scheduler.ts'

const [port = '0', keys = '', gates = '{}', file = ''] = process.argv.slice(2)
const env = createSystemEnv({ log: createLogger({ level: 'warn' }) })
const pki = loadPki(keys, { now: new Date(), dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
const plane = await startControlPlane(env, {
  apiserver: {
    tls: pki.server, clientCA: pki.ca.cert, caCertificate: pki.ca.cert, bindAddress: '127.0.0.1', securePort: Number(port),
    admissionPlugins: { disable: ['ServiceAccount', 'TaintNodesByCondition', 'Priority'] },
    runtimeConfig: { 'api/all': true },
  },
  controllers: false, scheduler: false,
})
await plane.add(createScheduler(env, plane.client('system:kube-scheduler'), {
  informers: plane.informers, configuration: readConfiguration(file), features: JSON.parse(gates) as Record<string, boolean>,
}))
process.stdout.write('serving\n')
process.once('SIGTERM', () => void plane.stop().then(() => process.exit(0)))
