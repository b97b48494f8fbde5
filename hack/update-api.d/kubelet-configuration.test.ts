/** The kubelet's fields are those of upstream's KubeletConfiguration, with its types, and each is what it says it is. */
import { describe, expect, it } from 'vitest'
import { type Document, withDefaults, withValue } from '../../src/kubelet/configuration/document.ts'
import { type Field, configurationFields } from '../../src/kubelet/configuration/fields.ts'
import { readConfiguration } from '../../src/kubelet/configuration/read.ts'
import { type GoExpr, type GoPackage, readGoPackage } from './go-types.ts'
import { hasGo } from './modules.ts'

const metav1 = 'k8s.io/apimachinery/pkg/apis/meta/v1'

/** Fields that this kubelet takes whole. */
const whole = new Set(configurationFields.filter(({ type }) => type === 'object').map(({ path }) => path))

function typeOf(pack: GoPackage, expr: GoExpr): string {
  switch (expr.kind) {
    case 'pointer': return typeOf(pack, expr.to)
    case 'slice': return typeOf(pack, expr.of) === 'text' ? 'texts' : 'list'
    case 'map': return typeOf(pack, expr.value) === 'text' ? 'map' : typeOf(pack, expr.value) === 'flag' ? 'flags' : 'object'
    case 'name': break
  }
  const names: Readonly<Record<string, string>> = { string: 'text', bool: 'flag', [`${metav1}.Duration`]: 'duration' }
  const found = names[expr.name] ?? (/^(u?int|float)\d*$/.test(expr.name) ? 'number' : undefined)
  if (found !== undefined) return found
  const own = pack.types.get(expr.name.slice(expr.name.lastIndexOf('.') + 1))
  return own?.same === undefined ? 'object' : typeOf(pack, own.same)
}

interface Leaf {
  readonly path: string
  readonly type: string
  readonly pointer: boolean
}

function leaves(pack: GoPackage, type: string, prefix: string): Leaf[] {
  return (pack.types.get(type)?.fields ?? []).flatMap((field): Leaf[] => {
    const name = (field.tags['json'] ?? '').split(',')[0]!
    if (name === '') return []
    const path = `${prefix}${name}`
    const kind = typeOf(pack, field.type)
    const target = field.type.kind === 'pointer' ? field.type.to : field.type
    if (kind === 'object' && target.kind === 'name' && !whole.has(path)) return leaves(pack, target.name.slice(target.name.lastIndexOf('.') + 1), `${path}.`)
    return [{ path, type: kind, pointer: field.type.kind === 'pointer' }]
  })
}

const go = hasGo()

describe.skipIf(!go)(`KubeletConfiguration v1beta1${go ? '' : ' (skipped: Go is not here to find upstream\'s modules)'}`, () => {
  const upstream = go ? leaves(readGoPackage('k8s.io/kubelet', 'config/v1beta1'), 'KubeletConfiguration', '') : []

  it('has no field that the kubelet does not know, and no other', () => {
    expect(upstream.length).toBeGreaterThan(100)
    expect(configurationFields.map(({ path }) => path).toSorted()).toEqual(upstream.map(({ path }) => path).toSorted())
  })

  it('has the types that the kubelet checks', () => {
    const types = new Map(upstream.map(({ path, type }) => [path, type]))
    expect(configurationFields.filter(({ path, type }) => types.get(path) !== type).map(({ path, type }) => [path, type, types.get(path)])).toEqual([])
  })

  it('tells an explicit false or 0 from nothing exactly where the kubelet does', () => {
    // Where nothing and its default are the same the question does not arise.
    const meaningful = upstream.filter(({ path, type, pointer }) => pointer && (type === 'flag' || type === 'number') && !isNothing(withDefaults({}), path))
    const keeps = new Set(configurationFields.filter(({ keepsZero }) => keepsZero === true).map(({ path }) => path))
    expect(meaningful.filter(({ path }) => !keeps.has(path)).map(({ path }) => path)).toEqual([])
  })
})

function isNothing(document: Document, path: string): boolean {
  const value = path.split('.').reduce<unknown>((inner, name) => (inner as Document | undefined)?.[name], document)
  return value === undefined || value === 0 || value === false || value === ''
}

/** A value that is neither the default nor wrong, where the type alone does not tell one. */
const samples: Readonly<Record<string, unknown>> = {
  'authorization.mode': 'AlwaysAllow', 'topologyManagerPolicy': 'restricted', 'topologyManagerScope': 'pod', 'cpuManagerPolicy': 'static', 'memoryManagerPolicy': 'Static',
  'cgroupDriver': 'systemd', 'memorySwap.swapBehavior': 'LimitedSwap', 'tlsMinVersion': 'VersionTLS13', 'reservedSystemCPUs': '0', 'podLogsDir': '/logs', 'containerLogMaxSize': '1Mi',
  'userNamespaces.idsPerPod': 131_072, 'imageGCHighThresholdPercent': 95, 'imageGCLowThresholdPercent': 10, 'crashLoopBackOff.maxContainerRestartPeriod': '17s', 'cpuCFSQuotaPeriod': '10ms',
  'enforceNodeAllocatable': ['none'], 'evictionHard': { 'memory.available': '7Mi' }, 'systemReserved': { memory: '1Gi' }, 'kubeReserved': { memory: '1Gi' },
  'registerWithTaints': [{ key: 'k', effect: 'NoSchedule' }], 'reservedMemory': [{ numaNode: 0, limits: { memory: '1Gi' } }],
  'shutdownGracePeriodByPodPriority': [{ priority: 1, shutdownGracePeriodSeconds: 3 }], 'staticPodURLHeader': { a: ['b'] }, 'maxParallelImagePulls': 3,
}
/** What a field needs beside it. */
const beside: Readonly<Record<string, Document>> = {
  cgroupsPerQOS: { enforceNodeAllocatable: ['none'] }, imageMaximumGCAge: { imageMinimumGCAge: '10s' }, shutdownGracePeriodCriticalPods: { shutdownGracePeriod: '50s' }, maxParallelImagePulls: { serializeImagePulls: false },
}
/** Read from the document by who starts the server. */
const readLater = new Set(['enableDebuggingHandlers', 'enableSystemLogHandler'])

function sample({ path, type, default: usual }: Field): unknown {
  if (path in samples) return samples[path]
  switch (type) {
    case 'text': return 'other'
    case 'flag': return usual !== true
    case 'number': return 7
    case 'duration': return '37s'
    case 'texts': return ['x']
    case 'map': return { 'memory.available': '1m' }
    default: throw new Error(`${path} needs a sample`)
  }
}

describe('a field that is neither taken without effect nor held to fixed values', () => {
  const honoured = configurationFields.filter(({ path, accepted, supported }) => accepted !== true && !readLater.has(path) && (supported === undefined || supported.length > 1))
  it.each(honoured.map((field) => [field.path, field] as const))('%s changes what the kubelet is told', (path, field) => {
    const told = (document: Document) => {
      const { options, server, process } = readConfiguration(document)
      return { options, server, process }
    }
    const others = beside[path] ?? {}
    expect(told(withValue(others, path, sample(field)))).not.toEqual(told(others))
  })
})
