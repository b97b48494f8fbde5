/** Only a signer writes the status of what it is asked to sign (upstream: certificates/podcertificaterequest/strategy.go). */
import type { PodCertificateRequest } from '../../../api/generated/types/certificates-v1beta1.ts'
import { fieldForbidden } from '../../../api/meta/field-errors.ts'
import type { AskContext, Asks } from '../define.ts'
import { signerGrants } from './signer-name.ts'
import { semanticEqual } from '../validation/common.ts'

/** By the signer's own name, or for all of its domain. */
async function maySign(name: string, { inquiry, user }: AskContext): Promise<boolean> {
  for (const signer of signerGrants(name)) {
    const { allowed, error } = await inquiry.may(user, { verb: 'sign', group: 'certificates.k8s.io', version: '*', resource: 'signers', name: signer })
    if (allowed && error === undefined) return true
  }
  return false
}

export const podRequestStatusAsks: Asks<PodCertificateRequest> = {
  last: true,
  async errors(request, old, context) {
    const signer = old!.spec.signerName
    if (semanticEqual(request.status, old!.status) || await maySign(signer, context)) return []
    return [fieldForbidden('spec.signerName', `User ${JSON.stringify(context.user.name)} is not permitted to "sign" for signer ${JSON.stringify(signer)}`)]
  },
}
