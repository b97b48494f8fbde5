/** Pods keep the level that their namespace asks for (upstream: PodSecurity). */
import { namespaces, pods } from '../../../api/generated/resources.ts'
import type { Namespace, Pod, PodSpec } from '../../../api/generated/types/core-v1.ts'
import { forbidden, internalError, invalid } from '../../../api/meta/errors.ts'
import { aggregateText } from '../../../api/meta/field-errors.ts'
import type { ObjectMeta } from '../../../api/meta/object.ts'
import { controllerOf } from '../../../api/meta/owner-references.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, isOperation, objectOf, oldObjectOf, same, type PluginContext } from '../context.ts'
import {
  policyOf, policyText, prefix, privilegedPolicy, stricter, violations, violationText, type LevelVersion, type Policy,
} from '../pod-security/policy.ts'

export interface PodSecurityOptions {
  readonly defaults?: Policy
  readonly exemptions?: { readonly usernames?: readonly string[]; readonly runtimeClasses?: readonly string[]; readonly namespaces?: readonly string[] }
}

const configurationVersions = ['pod-security.admission.config.k8s.io/v1', 'pod-security.admission.config.k8s.io/v1beta1', 'pod-security.admission.config.k8s.io/v1alpha1']

/** What a PodSecurityConfiguration says. Throws an Error in upstream's words. */
export function podSecurityOptions(configuration: unknown): PodSecurityOptions {
  if (configuration === undefined) return {}
  const { apiVersion, kind, defaults = {}, exemptions = {} } = configuration as Pick<PodSecurityOptions, 'exemptions'> & { apiVersion?: string; kind?: string; defaults?: Record<string, string> }
  if (kind !== 'PodSecurityConfiguration' || !configurationVersions.includes(apiVersion ?? '')) {
    throw new Error(`no kind ${JSON.stringify(kind ?? '')} is registered for version ${JSON.stringify(apiVersion ?? '')}`)
  }
  const { policy, errors } = policyOf(Object.fromEntries(Object.entries(defaults).map(([key, value]) => [prefix + key, value])), privilegedPolicy)
  if (errors.length > 0) throw new Error(aggregateText(errors.map((error) => ({ ...error, field: error.field.replace(/^.*\/(.*)\]$/, 'defaults.$1') }))))
  // Of labels a warning follows what is enforced; a configuration says each by itself.
  return { defaults: defaults['warn'] === undefined ? { ...policy, warn: privilegedPolicy.warn } : policy, exemptions }
}

/** Kinds that make pods, by resource, and where their template is. */
const templates: Readonly<Record<string, (object: Record<string, unknown>) => unknown>> = {
  'podtemplates.': (o) => o.template,
  'replicationcontrollers.': (o) => (o.spec as { template?: unknown } | undefined)?.template,
  'replicasets.apps': (o) => (o.spec as { template?: unknown } | undefined)?.template,
  'deployments.apps': (o) => (o.spec as { template?: unknown } | undefined)?.template,
  'statefulsets.apps': (o) => (o.spec as { template?: unknown } | undefined)?.template,
  'daemonsets.apps': (o) => (o.spec as { template?: unknown } | undefined)?.template,
  'jobs.batch': (o) => (o.spec as { template?: unknown } | undefined)?.template,
  'cronjobs.batch': (o) => (o.spec as { jobTemplate?: { spec?: { template?: unknown } } } | undefined)?.jobTemplate?.spec?.template,
}

const keyOf = (a: Attributes): string => `${a.resource.resource}.${a.resource.group}`
const isPod = (a: Attributes): boolean => a.resource.group === '' && a.resource.resource === 'pods' && ['', 'ephemeralcontainers', 'resize'].includes(a.subresource)

function imagesOf({ spec }: Pod): unknown {
  return [spec?.containers.map((c) => c.image), (spec?.initContainers ?? []).map((c) => c.image)]
}

/** Whether a change of a pod can change the verdict. */
function isSignificant(pod: Pod, old: Pod): boolean {
  if (!same(imagesOf(pod), imagesOf(old))) return true
  const before = new Map((old.spec?.ephemeralContainers ?? []).map((c) => [c.name, c.image]))
  return (pod.spec?.ephemeralContainers ?? []).some((c) => before.get(c.name) !== c.image || !before.has(c.name))
}

/** At most this many pods are looked at when a namespace gets stricter. */
const maxPodsChecked = 3000

function describeExisting(level: LevelVersion, existing: readonly Pod[]): string[] {
  const counts = new Map<string, { name: string; count: number }>()
  for (const pod of existing.slice(0, maxPodsChecked)) {
    const reason = violations(level, pod.metadata, pod.spec!).map((v) => v.reason).join(', ')
    if (reason === '') continue
    const name = pod.metadata.name ?? ''
    const seen = counts.get(reason)
    counts.set(reason, { name: seen === undefined || name < seen.name ? name : seen.name, count: (seen?.count ?? 0) + 1 })
  }
  return [...counts].map(([reason, { name, count }]) => {
    const others = count === 1 ? '' : count === 2 ? ' (and 1 other pod)' : ` (and ${count - 1} other pods)`
    return `${name}${others}: ${reason}`
  }).sort()
}

export function podSecurity({ lister, client }: PluginContext, o: PodSecurityOptions = {}): AdmissionPlugin {
  const defaults = o.defaults ?? privilegedPolicy
  const { usernames = [], runtimeClasses = [], namespaces: exemptNamespaces = [] } = o.exemptions ?? {}

  function existingPods(namespace: string): Pod[] {
    const seen = new Set<string>()
    return lister.list(pods, namespace).filter((pod) => {
      if (runtimeClasses.includes(pod.spec?.runtimeClassName ?? '')) return false
      const owner = controllerOf(pod)?.uid
      if (owner === undefined) return true
      return seen.has(owner) ? false : Boolean(seen.add(owner))
    })
  }

  function warnOfExisting(a: Attributes, name: string, level: LevelVersion): void {
    const found = describeExisting(level, existingPods(name))
    if (found.length === 0) return
    a.warnings.push(`existing pods in namespace ${JSON.stringify(name)} violate the new PodSecurity enforce level ${JSON.stringify(policyText(level))}`, ...found)
  }

  function exemptWarning(name: string, policy: Policy, labels: Readonly<Record<string, string>>): string | undefined {
    const stated = (['enforce', 'audit', 'warn'] as const).filter((mode) => policy[mode].level !== 'privileged' &&
      (labels[prefix + mode] !== undefined || labels[`${prefix}${mode}-version`] !== undefined))
    if (stated.length === 0 || same(policy, defaults)) return undefined
    return `namespace ${JSON.stringify(name)} is exempt from Pod Security, and the policy (${stated.map((m) => `${m}=${policyText(policy[m])}`).join(', ')}) will be ignored`
  }

  function validateNamespace(a: Attributes): void {
    const { metadata } = objectOf<Namespace>(a)
    const name = metadata.name ?? ''
    const { policy, errors } = policyOf(metadata.labels, defaults)
    const old = a.operation === 'UPDATE' ? policyOf(oldObjectOf<Namespace>(a).metadata.labels, defaults) : undefined
    if (errors.length > 0 && (old === undefined || !same(errors, old.errors))) throw invalid({ kind: 'Namespace' }, name, errors)
    if (old !== undefined) {
      const { enforce } = policy
      const before = old.policy.enforce
      if (same(enforce, before) || enforce.level === 'privileged') return
      if (enforce.minor === before.minor && !stricter(enforce.level, before.level)) return
    }
    if (exemptNamespaces.includes(name)) {
      const warning = exemptWarning(name, policy, metadata.labels ?? {})
      if (warning !== undefined) a.warnings.push(warning)
    } else if (old !== undefined) warnOfExisting(a, name, policy.enforce)
  }

  async function policyIn(a: Attributes): Promise<ReturnType<typeof policyOf>> {
    const found = lister.get(namespaces, '', a.namespace) ?? await client.get(namespaces, { name: a.namespace }).catch(() => {
      throw internalError(`failed to lookup namespace ${JSON.stringify(a.namespace)}`)
    })
    return policyOf(found.metadata.labels, defaults)
  }

  function exempt(a: Attributes, spec: PodSpec): boolean {
    const by = exemptNamespaces.includes(a.namespace) ? 'namespace' : usernames.includes(a.user.name) ? 'user'
      : spec.runtimeClassName && runtimeClasses.includes(spec.runtimeClassName) ? 'runtimeClass' : undefined
    if (by !== undefined) a.addAnnotation('pod-security.kubernetes.io/exempt', by)
    return by !== undefined
  }

  async function evaluate(a: Attributes, metadata: ObjectMeta, spec: PodSpec, enforce: boolean): Promise<void> {
    if (exempt(a, spec)) return
    const { policy, errors } = await policyIn(a)
    if (errors.length > 0) a.addAnnotation(`${prefix}error`, `Failed to parse policy: ${errors.map((e) => `${e.field}: ${e.message}`).join(', ')}`)
    if (enforce) a.addAnnotation(`${prefix}enforce-policy`, policyText(policy.enforce))
    const found = enforce ? violations(policy.enforce, metadata, spec) : []
    const audit = violations(policy.audit, metadata, spec)
    if (audit.length > 0) a.addAnnotation(`${prefix}audit-violations`, `would violate PodSecurity ${JSON.stringify(policyText(policy.audit))}: ${violationText(audit)}`)
    if (found.length > 0) {
      throw forbidden(a.resource, a.name, `violates PodSecurity ${JSON.stringify(policyText(policy.enforce))}: ${violationText(found)}`)
    }
    const warn = violations(policy.warn, metadata, spec)
    if (warn.length > 0) a.warnings.push(`would violate PodSecurity ${JSON.stringify(policyText(policy.warn))}: ${violationText(warn)}`)
  }

  return {
    name: 'PodSecurity',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE') &&
      (isFor(a, '', 'namespaces') || isPod(a) || (a.subresource === '' && templates[keyOf(a)] !== undefined)),
    async validate(a) {
      if (isFor(a, '', 'namespaces')) validateNamespace(a)
      else if (isPod(a)) {
        const pod = objectOf<Pod>(a)
        if (a.operation === 'UPDATE' && !isSignificant(pod, oldObjectOf<Pod>(a))) return
        await evaluate(a, pod.metadata, pod.spec!, true)
      } else {
        const template = templates[keyOf(a)]!(a.object!) as { metadata?: ObjectMeta; spec?: PodSpec } | undefined
        if (template?.spec !== undefined) await evaluate(a, template.metadata ?? {}, template.spec, false)
      }
    },
  }
}
