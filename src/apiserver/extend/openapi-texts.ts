/** What OpenAPI says in words of the fields that every object has (kubectl explain shows it). */
export interface DefinitionTexts {
  readonly description: string
  readonly fields: Readonly<Record<string, string>>
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.'

/** By the definition's full name. */
export const definitionTexts: Readonly<Record<string, DefinitionTexts>> = {
  [`${meta}ObjectMeta`]: {
    description: 'ObjectMeta is the metadata that every stored object has: what clients may set, and what the server keeps.',
    fields: {
      annotations: 'Annotations is a map of texts that tools keep with the object. They cannot be selected by.',
      creationTimestamp: 'CreationTimestamp is a timestamp that the server sets when it creates the object; clients cannot set it. RFC 3339, in UTC.',
      deletionGracePeriodSeconds: 'Seconds that the object has left to end gracefully. Set by the server together with deletionTimestamp; it may only become shorter.',
      deletionTimestamp: 'DeletionTimestamp is the time at which the object is expected to be gone. Set by the server when deletion is asked for, and not taken back.',
      finalizers: 'Finalizers are what has to happen before the object is removed; whoever is responsible takes its own entry away. Entries are worked off in any order.',
      generateName: 'GenerateName is a prefix, from which the server makes a unique name when no name is given.',
      generation: 'A number that grows with each change of the desired state. Kept by the server.',
      labels: 'Labels is a map of short texts by which objects are organized and selected.',
      managedFields: 'ManagedFields tells which manager set which fields, in which version. Kept by the server for apply.',
      name: 'Name is unique within a namespace (or the cluster), must be given or generated at creation, and cannot change.',
      namespace: 'Namespace is the space within which the name is unique. Not every kind has one; it cannot change.',
      ownerReferences: 'The objects that this one depends on. It is garbage once all of them are gone; at most one of them manages it.',
      resourceVersion: 'ResourceVersion is an opaque mark of the state of the object, for optimistic concurrency, and for watches and lists.',
      selfLink: 'SelfLink is a legacy field that the server no longer sets.',
      uid: 'UID tells this object from all others in time and space, even those of the same name. Set by the server at creation.',
    },
  },
  [`${meta}ListMeta`]: {
    description: 'ListMeta is the metadata that lists have.',
    fields: {
      continue: 'Continue is a token with which the next part of the list can be asked for.',
      remainingItemCount: 'How many items there are behind this part, where the server knows it.',
      resourceVersion: 'ResourceVersion is an opaque mark of the state that the list shows; a watch can begin there.',
      selfLink: 'SelfLink is a legacy field that the server no longer sets.',
    },
  },
}
