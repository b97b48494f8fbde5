import type { CustomResourceDefinition } from '../../../api/generated/types/apiextensions-v1.ts'
import { goQuote } from '../../../api/meta/go-text.ts'
import { nameIsDNSSubdomain } from '../../../api/meta/names.ts'
import { formatTime } from '../../../api/meta/time.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { unknownFormats } from './formats.ts'
import { fromV1beta1 } from './stored.ts'
import { statusErrors, validateDefinition, validateDefinitionUpdate } from './validation.ts'

type Definition = CustomResourceDefinition

/** The instances go first; the server's own controller takes it away when they are gone. */
const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'

function defaultSpec({ spec }: Definition): void {
  const { names } = spec
  if (names !== undefined) {
    names.singular ||= names.kind?.toLowerCase()
    if (names.kind) names.listKind ||= `${names.kind}List`
  }
  spec.conversion ??= { strategy: 'None' }
  const service = spec.conversion.webhook?.clientConfig?.service
  if (service !== undefined) service.port ??= 443
}

/** A version that objects were once stored in stays listed until an administrator takes it out. */
function addStoredVersion(definition: Definition): void {
  const stored = definition.spec.versions?.find((v) => v.storage)?.name
  const status = (definition.status ??= {})
  if (stored === undefined || status.storedVersions?.includes(stored)) return
  status.storedVersions = [...status.storedVersions ?? [], stored]
}

export const customResourceDefinitions = builtin<Definition>({
  group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions',
  anyFinalizers: true,
  storagePrefix: 'apiextensions.k8s.io/customresourcedefinitions', storedAs: 'json',
  reads: { v1beta1: fromV1beta1 },
  default(definition) {
    if (definition.spec === undefined) return
    defaultSpec(definition)
    if (!definition.status?.storedVersions?.length) addStoredVersion(definition)
  },
  prepareForCreate(definition) {
    // Upstream's answer shows the conditions that nobody has set yet as null.
    definition.status = { acceptedNames: { kind: '', plural: '' }, conditions: null } as unknown as NonNullable<Definition['status']>
    addStoredVersion(definition)
  },
  prepareForUpdate(definition, old) {
    definition.status = { ...old.status }
    addStoredVersion(definition)
  },
  prepareForDelete(definition, { now }) {
    const finalizers = (definition.metadata.finalizers ??= [])
    if (!finalizers.includes(cleanupFinalizer)) finalizers.push(cleanupFinalizer)
    const status = (definition.status ??= {})
    const others = (status.conditions ?? []).filter((condition) => condition.type !== 'Terminating')
    status.conditions = [...others, {
      type: 'Terminating', status: 'True', reason: 'InstanceDeletionPending', lastTransitionTime: formatTime(now),
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    }]
  },
  nameFormat: (name, generated, { spec }) => [...nameIsDNSSubdomain(name, generated), ...(name === `${spec?.names?.plural ?? ''}.${spec?.group ?? ''}` ? [] : ['must be spec.names.plural+"."+spec.group'])],
  validate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  *warnings(definition, old) {
    const before = old === undefined ? [] : unknownFormats(old.spec)
    for (const format of unknownFormats(definition.spec)) if (!before.includes(format)) yield `unrecognized format ${goQuote(format)}`
  },
  subresources: { status: statusSubresource({ validateUpdate: statusErrors }) },
})
