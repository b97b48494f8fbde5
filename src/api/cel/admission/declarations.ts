/** What expressions of admission know: the request, the namespace, variables (admission/plugin/cel/compile.go). */
import { BOOL, type CelType, DYN, INT, STRING, type StructProvider, TIMESTAMP, listType, mapType, structType } from '../index.ts'

type Fields = Readonly<Record<string, CelType>>

const type = (name: string): CelType => structType(`kubernetes.${name}`)

export const requestType = type('AdmissionRequest')
export const namespaceType = type('Namespace')
export const variablesType = type('variables')

const structs: Readonly<Record<string, Fields>> = {
  'kubernetes.GroupVersionKind': { group: STRING, version: STRING, kind: STRING },
  'kubernetes.GroupVersionResource': { group: STRING, version: STRING, resource: STRING },
  'kubernetes.UserInfo': { username: STRING, uid: STRING, groups: listType(STRING), extra: mapType(STRING, listType(STRING)) },
  'kubernetes.AdmissionRequest': {
    kind: type('GroupVersionKind'), resource: type('GroupVersionResource'), subResource: STRING,
    requestKind: type('GroupVersionKind'), requestResource: type('GroupVersionResource'), requestSubResource: STRING,
    name: STRING, namespace: STRING, operation: STRING, userInfo: type('UserInfo'), dryRun: BOOL, options: DYN,
  },
  'kubernetes.NamespaceSpec': { finalizers: listType(STRING) },
  'kubernetes.NamespaceCondition': { status: STRING, type: STRING, lastTransitionTime: TIMESTAMP, message: STRING, reason: STRING },
  'kubernetes.NamespaceStatus': { conditions: listType(type('NamespaceCondition')), phase: STRING },
  'kubernetes.NamespaceMetadata': {
    name: STRING, generateName: STRING, namespace: STRING, labels: mapType(STRING, STRING), annotations: mapType(STRING, STRING), UID: STRING,
    creationTimestamp: TIMESTAMP, deletionGracePeriodSeconds: INT, deletionTimestamp: TIMESTAMP, generation: INT, resourceVersion: STRING,
    finalizers: listType(STRING),
  },
  'kubernetes.Namespace': { metadata: type('NamespaceMetadata'), spec: type('NamespaceSpec'), status: type('NamespaceStatus') },
}

/** The types of `request` and `namespaceObject`. */
export const admissionStructs: StructProvider = {
  find: (name) => (Object.hasOwn(structs, name) ? structType(name) : undefined),
  field(struct, field) {
    const fields = structs[struct]
    return fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined
  },
}

/** The type of `variables`, which grows as variables are compiled. */
export function variablesStruct(types: ReadonlyMap<string, CelType>): StructProvider {
  return {
    find: (name) => (name === variablesType.name ? variablesType : undefined),
    field: (struct, field) => (struct === variablesType.name ? types.get(field) : undefined),
  }
}
