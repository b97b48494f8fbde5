/** Aggregation as the server puts it together: who is remote, and what discovery and OpenAPI are told of them. */
import type { Env } from '../../../base/env.ts'
import { callServer } from '../../http/call.ts'
import type { RemoteDocuments } from '../openapi.ts'
import { type Aggregation, type AggregationParts, createAggregation } from './controller.ts'
import type { RemoteVersion } from './discovery.ts'
import { type AskRemote, aggregatorUser, identityHeaders } from './remote.ts'

/** As upstream: asking what there is should be quick. */
const discoveryTimeoutMs = 5000

export interface Aggregator {
  readonly aggregation: Aggregation
  versions(): readonly RemoteVersion[]
  documents(): readonly RemoteDocuments[]
}

export function createAggregator(env: Env, parts: Omit<AggregationParts, 'ask'>): Aggregator {
  const ask: AskRemote = (location, path, headers) => callServer(location, {
    method: 'GET', path, headers: { ...identityHeaders(aggregatorUser), 'user-agent': 'kube-apiserver', ...headers },
  }, { clock: env.clock, timeoutMs: discoveryTimeoutMs })
  const aggregation = createAggregation(env, { ...parts, ask })
  return {
    aggregation,
    versions: () => aggregation.remotes().map(({ group, version, service, resources, available }) => ({
      group, version, available, resources: resources ?? [],
      groupPriority: service.spec?.groupPriorityMinimum ?? 0, versionPriority: service.spec?.versionPriority ?? 0,
    })),
    documents: () => aggregation.remotes().flatMap(({ group, version, openapi, location }) => (openapi === undefined ? [] : [{
      group, version, v2: openapi.v2, v3Hash: openapi.v3.get(`apis/${group}/${version}`),
      v3: async () => {
        const { code, body } = await ask(location, `/openapi/v3/apis/${group}/${version}`, { accept: 'application/json' })
        if (code !== 200) throw new Error(`the server of ${group}/${version} answered ${code}`)
        return body
      },
    }])),
  }
}
