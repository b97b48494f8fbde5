/** Who may approve, sign and ask for what (upstream: CertificateApproval, -Signing, -SubjectRestriction, ClusterTrustBundleAttest). */
import type { CertificateSigningRequest } from '../../../api/generated/types/certificates-v1.ts'
import type { ClusterTrustBundle } from '../../../api/generated/types/certificates-v1beta1.ts'
import type { UserInfo } from '../../handler.ts'
import { signerGrants } from '../../resources/certificates/signer-name.ts'
import { parseSubject } from '../certificate-request.ts'
import type { AdmissionPlugin } from '../contract.ts'
import { isFor, isOperation, objectOf, oldObjectOf, refuse, same, type PluginContext } from '../context.ts'

const group = 'certificates.k8s.io'
const requests = 'certificatesigningrequests'

/** By name, or for every signer of the domain. */
async function mayUseSigner({ authorize }: PluginContext, user: UserInfo, verb: string, signer: string): Promise<boolean> {
  for (const name of signerGrants(signer)) if ((await authorize(user, { verb, group, version: '*', resource: 'signers', name })).allowed) return true
  return false
}

export function certificateApproval(context: PluginContext): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    handles: (a) => isFor(a, group, requests, 'approval') && a.operation === 'UPDATE',
    async validate(a) {
      const { signerName } = oldObjectOf<CertificateSigningRequest>(a).spec
      if (!await mayUseSigner(context, a.user, 'approve', signerName)) {
        throw refuse(a, `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`)
      }
    },
  }
}

export function certificateSigning(context: PluginContext): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    handles: (a) => isFor(a, group, requests, 'status') && a.operation === 'UPDATE',
    async validate(a) {
      const { status } = objectOf<CertificateSigningRequest>(a)
      const old = oldObjectOf<CertificateSigningRequest>(a)
      if (status?.certificate === old.status?.certificate && same(status?.conditions ?? [], old.status?.conditions ?? [])) return
      const { signerName } = old.spec
      if (!await mayUseSigner(context, a.user, 'sign', signerName)) {
        throw refuse(a, `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`)
      }
    },
  }
}

const clientSigner = 'kubernetes.io/kube-apiserver-client'

export function certificateSubjectRestriction(): AdmissionPlugin {
  return {
    name: 'CertificateSubjectRestriction',
    handles: (a) => isFor(a, group, requests) && a.operation === 'CREATE',
    async validate(a) {
      const { spec } = objectOf<CertificateSigningRequest>(a)
      if (spec.signerName !== clientSigner) return
      const subject = await parseSubject(spec.request).catch((error: unknown) => {
        throw refuse(a, `failed to parse CSR: ${error instanceof Error ? error.message : String(error)}`)
      })
      if (subject.organizations.includes('system:masters')) {
        throw refuse(a, `use of ${clientSigner} signer with system:masters group is not allowed`)
      }
    },
  }
}

export function clusterTrustBundleAttest(context: PluginContext): AdmissionPlugin {
  return {
    name: 'ClusterTrustBundleAttest',
    handles: (a) => isFor(a, group, 'clustertrustbundles') && isOperation(a, 'CREATE', 'UPDATE'),
    async validate(a) {
      const { signerName = '' } = objectOf<ClusterTrustBundle>(a).spec
      if (signerName === '' || await mayUseSigner(context, a.user, 'attest', signerName)) return
      throw refuse(a, `user not permitted to attest for signerName ${JSON.stringify(signerName)}`)
    },
  }
}
