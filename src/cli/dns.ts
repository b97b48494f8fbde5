/** `coxswain dns`: the cluster's DNS as a program of its own, for machines and pods that run no `coxswain node`. */
import { InformerFactory } from '../client/informer.ts'
import { upstreamResolvers } from '../cluster/hosts/network.ts'
import { splitHostPort } from '../proxy/config/validation.ts'
import { createDns } from '../proxy/dns/dns.ts'
import { trimForDns } from '../proxy/dns/view.ts'
import { servePages } from '../proxy/health/server/http.ts'
import { type Command, type Invocation, UsageError } from './command.ts'
import { runWithClient } from './component.ts'
import { dnsFlags } from './flags/dns.ts'

export const command: Command = {
  name: 'dns',
  summary: 'The DNS of a cluster: service discovery 1.1.0, other names by other servers',
  description: 'Answers for the cluster domain from Services and EndpointSlices over UDP and TCP.\n\nExample:\n  coxswain dns --kubeconfig dns.conf --bind-address 10.0.0.2',
  flags: dnsFlags,
  run,
}

function run(invocation: Invocation): Promise<number> {
  const { flags } = invocation
  const pages = flags.string('healthz-bind-address')!
  const where = pages === '' ? undefined : splitHostPort(pages)
  if (pages !== '' && where === undefined) throw new UsageError(`--healthz-bind-address: ${JSON.stringify(pages)} is no address and port`)
  let ready = false
  return runWithClient(invocation, 'dns', (env, client) => {
    const informers = new InformerFactory(env, client, () => ({ transform: trimForDns }))
    const upstreams = flags.given('upstream') ? flags.list('upstream') : upstreamResolvers()
    const dns = createDns(env, { informers, domain: flags.string('domain')!, address: flags.string('bind-address')!, port: flags.number('port')!, upstreams })
    void dns.ready.then(() => (ready = true))
    return {
      ...dns,
      async stop() {
        await dns.stop()
        await informers.stop()
      },
    }
  }, {
    source: { kubeconfig: flags.string('kubeconfig')!, server: '' },
    serve: async (env) => where === undefined ? undefined : servePages(where.host, Number(where.port), (path) => {
      if (path === '/metrics') return { code: 200, body: env.metrics.render(), contentType: 'text/plain; version=0.0.4; charset=utf-8' }
      if (path === '/healthz') return { code: 200, body: 'OK', contentType: 'text/plain' }
      return path === '/ready' ? { code: ready ? 200 : 503, body: ready ? 'OK' : 'kubernetes', contentType: 'text/plain' } : undefined
    }),
  })
}
