/** Tells what is suspicious about the types in a policy's expressions (upstream: pkg/controller/validatingadmissionpolicystatus). */
import { validatingAdmissionPolicies } from '../../api/generated/resources.ts'
import { parseApiVersion } from '../../api/meta/object.ts'
import type { Client } from '../../client/client.ts'
import { type KeyedController, watch } from '../../client/controller.ts'
import { checkTypes, resourcesToCheck } from './type-check.ts'
import { typesOf } from './types.ts'

const name = 'validatingadmissionpolicy-status-controller'

export function policyStatusController(client: Client): KeyedController {
  return {
    name,
    watches: [watch(validatingAdmissionPolicies, (policy) => [policy.metadata?.name ?? ''], { deleted: false })],
    async sync(key, { informers }) {
      const policy = informers.of(validatingAdmissionPolicies).get(key)
      if (policy === undefined || (policy.metadata?.generation ?? 0) <= (policy.status?.observedGeneration ?? 0)) return
      const { paramKind } = policy.spec ?? {}
      const versions = [...resourcesToCheck(policy), ...(paramKind === undefined ? [] : [parseApiVersion(paramKind.apiVersion ?? '')])]
      const expressionWarnings = checkTypes(policy, await typesOf(client, versions))
      await client.patch(validatingAdmissionPolicies, { name: key }, 'apply', {
        apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: key },
        status: { observedGeneration: policy.metadata?.generation, typeChecking: expressionWarnings.length === 0 ? {} : { expressionWarnings } },
      }, { subresource: 'status', fieldManager: name, force: true })
    },
  }
}
