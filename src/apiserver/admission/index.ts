/** The plugins in upstream's order, and which of them are on unless told otherwise. */
import type { Clock, Logger, Random, Trace } from '../../base/env.ts'
import type { Client } from '../../client/client.ts'
import { type Authorizer, allAuthenticated, questionAttributes } from '../auth/contract.ts'
import { serviceAccountGroups, serviceAccountUserName } from '../auth/service-account-names.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import { admissionChain, type ReinvocablePlugin } from './chain.ts'
import type { PluginContext } from './context.ts'
import type { Admission } from './contract.ts'
import { alwaysPullImages } from './plugins/always-pull-images.ts'
import { certificateApproval, certificateSigning, certificateSubjectRestriction, clusterTrustBundleAttest } from './plugins/certificates.ts'
import { defaultTolerationSeconds } from './plugins/default-toleration-seconds.ts'
import { defaultIngressClass, defaultStorageClass } from './plugins/defaults-from-classes.ts'
import { eventRateLimit } from './plugins/event-rate-limit.ts'
import { imagePolicyWebhook } from './plugins/image-policy-webhook.ts'
import { limitRanger } from './plugins/limit-ranger.ts'
import { namespaceAutoProvision, namespaceExists } from './plugins/namespace-existence.ts'
import { namespaceLifecycle } from './plugins/namespace-lifecycle.ts'
import { nodeDeclaredFeatureValidator } from './plugins/node-declared-features.ts'
import { nodeRestriction } from './plugins/node-restriction.ts'
import { ownerReferencesPermissionEnforcement } from './plugins/owner-references-permission-enforcement.ts'
import { persistentVolumeClaimResize } from './plugins/persistent-volume-claim-resize.ts'
import { jobValidation, podGroupProtection, podGroupWorkloadExists } from './plugins/pod-groups.ts'
import { podNodeSelector, nodeSelectorsOf } from './plugins/pod-node-selector.ts'
import { podResizeValidator } from './plugins/pod-resize.ts'
import { podSecurity, podSecurityOptions } from './plugins/pod-security.ts'
import { podTopologyLabels } from './plugins/pod-topology-labels.ts'
import { priority } from './plugins/priority.ts'
import { resourceQuota } from './plugins/resource-quota.ts'
import { runtimeClass } from './plugins/runtime-class.ts'
import { serviceAccount } from './plugins/service-account.ts'
import { alwaysAdmit, alwaysDeny, denyServiceExternalIPs, limitPodHardAntiAffinityTopology } from './plugins/single-checks.ts'
import { storageObjectInUseProtection } from './plugins/storage-object-in-use-protection.ts'
import { extendedResourceToleration, podTolerationRestriction, tolerationConfiguration } from './plugins/tolerations.ts'
import { taintNodesByCondition } from './plugins/taint-nodes-by-condition.ts'
import { mutatingPolicies } from './policies/mutating.ts'
import { validatingPolicies } from './policies/validating.ts'
import { registryLister } from './registry-lister.ts'
import type { WebhookDeps, WebhookParts } from './webhooks/deps.ts'
import { mutatingWebhooks } from './webhooks/mutating.ts'
import { validatingWebhooks } from './webhooks/validating.ts'

export interface PluginEntry {
  readonly name: string
  /** On unless --disable-admission-plugins names it. */
  readonly onByDefault: boolean
  /**
   * A server without `webhooks` (one that cannot reach anybody) has none of their plugins. `configuration`: the plugin's part of an
   * AdmissionConfiguration as a value; undefined when it has none. Throws when it is wrong.
   */
  create(context: PluginContext, webhooks: WebhookParts | undefined, configuration: unknown): ReinvocablePlugin | undefined
}

const on = (name: string, create: PluginEntry['create']): PluginEntry => ({ name, onByDefault: true, create })
const off = (name: string, create: PluginEntry['create']): PluginEntry => ({ name, onByDefault: false, create })

/** A plugin with a configuration. */
const configured = (name: string, create: (context: PluginContext, configuration: unknown) => ReinvocablePlugin, onByDefault = false): PluginEntry =>
  ({ name, onByDefault, create: (context, _webhooks, configuration) => create(context, configuration) })

const calling = (name: string, create: (deps: WebhookDeps) => ReinvocablePlugin): PluginEntry =>
  on(name, (context, webhooks) => (webhooks === undefined ? undefined : create({ context, ...webhooks })))

/** Adding a plugin is one file and one line here; the order is upstream's. */
export const admissionPlugins: readonly PluginEntry[] = [
  off('AlwaysAdmit', () => alwaysAdmit()),
  off('NamespaceAutoProvision', namespaceAutoProvision),
  on('NamespaceLifecycle', namespaceLifecycle),
  off('NamespaceExists', namespaceExists),
  off('LimitPodHardAntiAffinityTopology', () => limitPodHardAntiAffinityTopology()),
  on('LimitRanger', limitRanger),
  on('ServiceAccount', serviceAccount),
  off('NodeRestriction', nodeRestriction),
  on('TaintNodesByCondition', () => taintNodesByCondition()),
  off('AlwaysPullImages', () => alwaysPullImages()),
  configured('ImagePolicyWebhook', imagePolicyWebhook),
  configured('PodSecurity', (context, configuration) => podSecurity(context, podSecurityOptions(configuration)), true),
  configured('PodNodeSelector', (context, configuration) => podNodeSelector(context, nodeSelectorsOf(configuration))),
  on('Priority', priority),
  configured('DefaultTolerationSeconds', (_context, seconds) => defaultTolerationSeconds(seconds ?? {}), true),
  configured('PodTolerationRestriction', (context, configuration) => podTolerationRestriction(context, tolerationConfiguration(configuration))),
  configured('EventRateLimit', eventRateLimit),
  off('ExtendedResourceToleration', () => extendedResourceToleration()),
  on('DefaultStorageClass', defaultStorageClass),
  on('StorageObjectInUseProtection', () => storageObjectInUseProtection()),
  on('PodGroupProtection', podGroupProtection),
  off('OwnerReferencesPermissionEnforcement', ownerReferencesPermissionEnforcement),
  on('PersistentVolumeClaimResize', persistentVolumeClaimResize),
  on('RuntimeClass', runtimeClass),
  on('CertificateApproval', certificateApproval),
  on('CertificateSigning', certificateSigning),
  on('ClusterTrustBundleAttest', clusterTrustBundleAttest),
  on('CertificateSubjectRestriction', () => certificateSubjectRestriction()),
  on('DefaultIngressClass', defaultIngressClass),
  off('DenyServiceExternalIPs', () => denyServiceExternalIPs()),
  on('PodTopologyLabels', podTopologyLabels),
  on('PodGroupWorkloadExists', podGroupWorkloadExists),
  on('NodeDeclaredFeatureValidator', nodeDeclaredFeatureValidator),
  on('JobValidation', jobValidation),
  on('PodResizeValidator', podResizeValidator),
  calling('MutatingAdmissionPolicy', mutatingPolicies),
  calling('MutatingAdmissionWebhook', mutatingWebhooks),
  calling('ValidatingAdmissionPolicy', validatingPolicies),
  calling('ValidatingAdmissionWebhook', validatingWebhooks),
  on('ResourceQuota', resourceQuota),
  off('AlwaysDeny', () => alwaysDeny()),
]

export interface AdmissionSelection {
  readonly enable?: readonly string[]
  readonly disable?: readonly string[]
  /** What an AdmissionConfiguration says, by the plugin's name. */
  readonly configuration?: ReadonlyMap<string, unknown>
}

/** The chain of the plugins that are on. Throws on names that are none. */
export function createAdmission(
  context: PluginContext, { enable = [], disable = [], configuration }: AdmissionSelection = {}, webhooks?: WebhookParts, trace?: Trace,
): Admission {
  for (const name of [...enable, ...disable]) {
    if (!admissionPlugins.some((p) => p.name === name)) throw new Error(`unknown admission plugin: ${JSON.stringify(name)}`)
  }
  const chosen = admissionPlugins.filter((p) => enable.includes(p.name) || (p.onByDefault && !disable.includes(p.name)))
  return admissionChain(chosen.flatMap((p) => p.create(context, webhooks, configuration?.get(p.name)) ?? []), trace)
}

export interface ServerParts {
  readonly env: { readonly clock: Clock; readonly random: Random; readonly log: Logger }
  readonly client: Client
  readonly registry: ResourceRegistry
  readonly authorizer: Authorizer
  readonly feature: (name: string) => boolean
}

/** What plugins are given in a server. */
export function pluginContext({ env, client, registry, authorizer, feature }: ServerParts): PluginContext {
  return {
    clock: env.clock, random: env.random, log: env.log.child('admission'), client, feature, lister: registryLister(registry),
    access: {
      decide: (question) => authorizer.authorize(question),
      serviceAccount: (namespace, name) => ({ name: serviceAccountUserName(namespace, name), groups: [...serviceAccountGroups(namespace), allAuthenticated] }),
    },
    async authorize(user, question) {
      const verdict = await authorizer.authorize(questionAttributes(user, question))
      return { allowed: verdict.decision === 'allow', reason: verdict.reason ?? '' }
    },
  }
}
