/** What the trials' clusters hold: a kind of their own, and its objects' names. */
import type { CustomResourceDefinition } from '../../api/generated/types/apiextensions-v1.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'

export interface App extends KubeObject {
  readonly spec: { readonly parts: number; readonly text: string }
  readonly status?: { readonly observedGeneration?: number; readonly text?: string }
}

export const apps: Resource<App> = { group: 'trials.example.org', version: 'v1', resource: 'apps', kind: 'App', namespaced: true }

export const appsDefinition: CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'apps.trials.example.org' },
  spec: {
    group: 'trials.example.org', scope: 'Namespaced', names: { plural: 'apps', singular: 'app', kind: 'App', listKind: 'AppList' },
    versions: [{
      name: 'v1', served: true, storage: true, subresources: { status: {} },
      schema: { openAPIV3Schema: { type: 'object', properties: {
        spec: { type: 'object', properties: { parts: { type: 'integer' }, text: { type: 'string' } } },
        status: { type: 'object', properties: { observedGeneration: { type: 'integer' }, text: { type: 'string' } } },
      } } },
    }],
  },
}

/** Where the Apps and their parts live. */
export const inside = 'default'
/** Where the operator keeps what no garbage collector knows of. */
export const outside = 'outside'
export const finalizer = 'trials.example.org/record'
/** On parts: the name of their App. */
export const ownerLabel = 'trials.example.org/app'
/** As whom the operator works. */
export const operatorUser = 'system:serviceaccount:default:operator'
/** A text that no label may have, so that parts are refused. */
export const badText = 'no label may have this text!'
