/** Whether an aggregated server can be used (upstream: kube-aggregator/pkg/controllers/status/remote). */
import type { APIService, APIServiceCondition } from '../../../api/generated/types/apiregistration-v1.ts'
import type { Service } from '../../../api/generated/types/core-v1.ts'
import type { EndpointSlice } from '../../../api/generated/types/discovery-v1.ts'

export interface Verdict {
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

export const passed: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' }

/** What is wrong with the Service that stands for the server; undefined when the server is to be asked. */
export function serviceProblem(
  wanted: { readonly namespace: string; readonly name: string; readonly port: number }, service: Service | undefined, slices: readonly EndpointSlice[],
): Verdict | undefined {
  const named = `service/${wanted.name} in ${JSON.stringify(wanted.namespace)}`
  const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message })
  if (service === undefined) return no('ServiceNotFound', `${named} is not present`)
  if ((service.spec?.type ?? 'ClusterIP') !== 'ClusterIP') return undefined
  const port = service.spec?.ports?.find((candidate) => candidate.port === wanted.port)
  if (port === undefined) return no('ServicePortError', `${named} is not listening on port ${wanted.port}`)
  if (slices.length === 0) return no('EndpointsNotFound', `cannot find endpointslices for ${named}`)
  const name = port.name ?? ''
  const usable = slices.some((slice) => (slice.endpoints ?? []).some((endpoint) => endpoint.conditions?.ready !== false)
    && (slice.ports ?? []).some((candidate) => (candidate.name ?? '') === name && candidate.port !== undefined))
  return usable ? undefined : no('MissingEndpoints', `endpointslices for ${named} have no addresses with port name ${JSON.stringify(name)}`)
}

/** The service's status with the verdict; undefined when it says that already. */
export function statusWith(service: APIService, verdict: Verdict, now: string): APIService['status'] | undefined {
  const conditions = service.status?.conditions ?? []
  const old = conditions.find(({ type }) => type === 'Available')
  if (old !== undefined && old.status === verdict.status && old.reason === verdict.reason && old.message === verdict.message) return undefined
  const lastTransitionTime = old?.status === verdict.status ? old.lastTransitionTime : now
  const made: APIServiceCondition = { type: 'Available', ...verdict, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }) }
  return { ...service.status, conditions: old === undefined ? [...conditions, made] : conditions.map((c) => (c === old ? made : c)) }
}
