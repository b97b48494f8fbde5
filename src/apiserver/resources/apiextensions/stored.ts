/**
 * Definitions as upstream's server keeps them in etcd: in version v1beta1, which says once for all versions what v1 says
 * for each (apiextensions/v1beta1/types.go, apiextensions/v1beta1/conversion.go).
 */
import type { KubeObject } from '../../../api/meta/object.ts'

type Fields = Record<string, unknown>

/** What stands for all versions, and applies to those that say nothing of their own. */
const common = ['subresources', 'additionalPrinterColumns', 'selectableFields']

export function fromV1beta1(object: KubeObject): KubeObject {
  const { validation, version: only, versions, preserveUnknownFields = true, conversion, ...spec } = object['spec'] as Fields
  const shared = Object.fromEntries(common.flatMap((field) => (spec[field] === undefined ? [] : [[field, spec[field]]])))
  for (const field of common) delete spec[field]
  const named = versions as Fields[] | undefined
  const each = named === undefined || named.length === 0 ? [{ name: only, served: true, storage: true }] : named
  return {
    ...object, apiVersion: 'apiextensions.k8s.io/v1',
    spec: {
      ...spec,
      versions: each.map((version) => v1Version({ ...shared, ...(validation === undefined ? {} : { schema: validation }), ...version })),
      ...(conversion === undefined ? {} : { conversion: v1Conversion(conversion as Fields) }),
      ...(preserveUnknownFields === true ? { preserveUnknownFields } : {}),
    },
  }
}

function v1Version(version: Fields): Fields {
  const columns = version['additionalPrinterColumns'] as Fields[] | undefined
  if (columns === undefined) return version
  return { ...version, additionalPrinterColumns: columns.map(({ JSONPath, ...column }) => ({ ...column, jsonPath: JSONPath })) }
}

function v1Conversion({ webhookClientConfig, conversionReviewVersions, ...conversion }: Fields): Fields {
  if (webhookClientConfig === undefined && conversionReviewVersions === undefined) return conversion
  return { ...conversion, webhook: { clientConfig: webhookClientConfig, conversionReviewVersions } }
}
