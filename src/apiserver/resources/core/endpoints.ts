import { isIPv6 } from 'node:net'
import type { Endpoints } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateEndpoints, validateEndpointsUpdate } from './endpoints-validation.ts'
import { endpointsWarnings } from '../validation/kind-warnings.ts'

const hostPort = (ip: string, port: number): string => (isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`)

function addressText({ subsets }: Endpoints): string {
  if (!subsets?.length) return '<none>'
  const all = subsets.flatMap((subset) => {
    const ips = (subset.addresses ?? []).map((a) => a.ip)
    return subset.ports?.length ? subset.ports.flatMap((port) => ips.map((ip) => hostPort(ip, port.port))) : ips
  })
  const shown = all.slice(0, 3).join(',')
  return all.length > 3 ? `${shown} + ${all.length - 3} more...` : shown
}

export const endpoints = builtin<Endpoints>({
  group: '', version: 'v1', resource: 'endpoints',
  unconditionalUpdate: true,
  createOnUpdate: true,
  storagePrefix: 'services/endpoints',
  generationFields: [],
  default({ subsets }) {
    for (const subset of subsets ?? []) for (const port of subset.ports ?? []) port.protocol ||= 'TCP'
  },
  validate: validateEndpoints,
  validateUpdate: validateEndpointsUpdate,
  warnings: endpointsWarnings,
  columns: [nameColumn(), text('Endpoints', addressText), ageColumn()],
})
