/**
 * What is asked of every kind alike: reads in every form, writes that are right, odd or wrong, changes by every kind of patch,
 * conflicts and deletions. A request is data; what depends on a server's own answers stands in it as a placeholder.
 */
type Fields = Record<string, unknown>

export interface Ask {
  readonly name: string
  readonly method: string
  /** After the collection's path; "$name" is the object's. */
  readonly path: string
  /** An object, or text that is sent as it is. "$rv" and "$uid" in it are the stored object's on the server that is asked. */
  readonly body?: unknown
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent so often at the same time; the answers are compared as a set of status codes. */
  readonly times?: number
}

const mergePatch = 'application/merge-patch+json'
const jsonPatch = 'application/json-patch+json'
const strategicPatch = 'application/strategic-merge-patch+json'
const applyPatch = 'application/apply-patch+yaml'
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
const partial = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json'
const partialList = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json'
const dry = 'dryRun=All'

const post = (name: string, body: unknown, query = dry, more: Partial<Ask> = {}): Ask => ({ name, method: 'POST', path: query === '' ? '' : `?${query}`, body, ...more })
const get = (name: string, path: string, headers?: Readonly<Record<string, string>>): Ask => ({ name, method: 'GET', path, ...(headers === undefined ? {} : { headers }) })
const patch = (name: string, contentType: string, body: unknown, query = dry, path = '/$name'): Ask => ({ name, method: 'PATCH', path: `${path}${query === '' ? '' : `?${query}`}`, body, contentType })
const put = (name: string, body: unknown, query = dry, path = '/$name'): Ask => ({ name, method: 'PUT', path: `${path}?${query}`, body })
const remove = (name: string, body: unknown, query = '', path = '/$name'): Ask => ({ name, method: 'DELETE', path: `${path}${query === '' ? '' : `?${query}`}`, ...(body === undefined ? {} : { body }) })

const withMetadata = (object: Fields, more: Fields): Fields => ({ ...object, metadata: { ...object['metadata'] as Fields, ...more } })

/** New objects that are odd, none of which is kept. */
export function creations(object: Fields): Ask[] {
  const text = JSON.stringify(object)
  return [
    post('create', object), post('create, named by the server', withMetadata(object, { name: undefined, generateName: 'x-' })),
    post('create without a name', withMetadata(object, { name: undefined })),
    post('create with a name that is too long', withMetadata(object, { name: 'a'.repeat(254) })),
    post('create in capitals', withMetadata(object, { name: 'UPPER' })), post('create with a slash', withMetadata(object, { name: 'a/b' })),
    post('create with a version', withMetadata(object, { resourceVersion: '5' })), post('create with a uid', withMetadata(object, { uid: 'u' })),
    post('create elsewhere', withMetadata(object, { namespace: 'elsewhere' })),
    post('create with labels', withMetadata(object, { labels: { a: 'b', 'example.com/c': '' } })),
    post('create with bad labels', withMetadata(object, { labels: { 'a b': 'c', d: 'e f' } })),
    post('create with annotations', withMetadata(object, { annotations: { 'a b': 'c', d: 'e f' } })),
    post('create with finalizers', withMetadata(object, { finalizers: ['example.com/a', 'nothing', 'orphan', 'foregroundDeletion'] })),
    post('create with owners', withMetadata(object, { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true }, { apiVersion: 'v1', kind: 'Pod', name: 'q', uid: 'v', controller: true }] })),
    post('create with half an owner', withMetadata(object, { ownerReferences: [{ kind: 'Pod', name: 'p' }] })),
    post('create, deleted already', withMetadata(object, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 3 })),
    post('create with own fields', withMetadata(object, { creationTimestamp: '2020-01-01T00:00:00Z', generation: 7, selfLink: '/x' })),
    post('create with managers', withMetadata(object, { managedFields: [{ manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: {} }] })),
    post('create with a manager that is none', withMetadata(object, { managedFields: [{ manager: 'x', operation: 'Foo', fieldsType: 'Bar' }] })),
    post('create as another kind', { ...object, kind: 'Nothing' }), post('create in another version', { ...object, apiVersion: 'v9' }),
    post('create without a kind', { ...object, kind: undefined, apiVersion: undefined }),
    post('create with what is unknown', { ...object, nonsense: 1, metadata: { ...object['metadata'] as Fields, what: 2 } }, `${dry}&fieldValidation=Strict`),
    post('create with what is unknown, warned', { ...object, nonsense: 1 }, `${dry}&fieldValidation=Warn`),
    post('create with what is unknown, passed over', { ...object, nonsense: 1 }, `${dry}&fieldValidation=Ignore`),
    post('create with fields twice', text.replace('{', '{"apiVersion":"v8",'), `${dry}&fieldValidation=Strict`),
    post('create with bad validation', object, `${dry}&fieldValidation=Foo`), post('create with a bad dry run', object, 'dryRun=Some'),
    post('create for a manager', object, `${dry}&fieldManager=${'m'.repeat(129)}`), post('create for a strange manager', object, `${dry}&fieldManager=a%00b`),
    post('create nothing', ''), post('create half', text.slice(0, -3)), post('create a list', [object]), post('create a text', '"a"'), post('create null', 'null'),
    post('create in YAML', text, dry, { contentType: 'application/yaml' }), post('create in broken YAML', 'a: [', dry, { contentType: 'application/yaml' }),
    post('create in XML', '<a/>', dry, { contentType: 'application/xml' }), post('create with metadata as text', { ...object, metadata: 'x' }),
    post('create with labels as numbers', withMetadata(object, { labels: { a: 1 } })), post('create with a number as name', withMetadata(object, { name: 5 })),
    post('create with annotations too large', withMetadata(object, { annotations: { a: 'x'.repeat(263_000) } })),
    { name: 'create for a table', method: 'POST', path: `?${dry}`, body: object, headers: { accept: table } },
    { name: 'create for metadata', method: 'POST', path: `?${dry}`, body: object, headers: { accept: partial } },
  ]
}

export const first = (object: Fields): Ask[] => [post('first', object, 'fieldManager=first'), post('again', object, ''), post('again, dry', object)]

/** Reads of one object and of all. */
export const reads: readonly Ask[] = [
  get('read', '/$name'), get('read at 0', '/$name?resourceVersion=0'), get('read at a bad version', '/$name?resourceVersion=x'), get('read pretty', '/$name?pretty=true'),
  get('read nothing', '/nothing-there'), get('read a table', '/$name', { accept: table }), get('read metadata', '/$name', { accept: partial }),
  get('read in XML', '/$name', { accept: 'application/xml' }), get('read YAML', '/$name', { accept: 'application/yaml' }), get('read anything', '/$name', { accept: '*/*' }),
  get('read the nothing of it', '/$name/nothing'), get('read a table of an unknown version', '/$name', { accept: 'application/json;as=Table;v=v9;g=meta.k8s.io' }),
  get('list by name', '?fieldSelector=metadata.name%3D$name'), get('list by two fields', '?fieldSelector=metadata.name%3D$name,metadata.name!%3Dx'),
  get('list by an unknown field', '?fieldSelector=spec.nothing%3Dx'), get('list by a bad field selector', '?fieldSelector=a'),
  get('list by label', '?labelSelector=a%3Dnothing'), get('list by labels', '?labelSelector=a+in+(b,c),!d,e'), get('list by a bad selector', '?labelSelector=a+in'),
  get('list by a bad label', '?labelSelector=a%3Db+c'), get('list with a bad limit', '?limit=x'), get('list with a negative limit', '?limit=-1&fieldSelector=metadata.name%3D$name'),
  get('list on with nonsense', '?continue=x'), get('list on with a version', '?continue=x&resourceVersion=3'), get('list at a bad version', '?resourceVersion=x'),
  get('list exactly at nothing', '?resourceVersionMatch=Exact'), get('list exactly at 0', '?resourceVersionMatch=Exact&resourceVersion=0'),
  get('list with a match that is none', '?resourceVersionMatch=Foo&resourceVersion=1'), get('list not older than nothing', '?resourceVersionMatch=NotOlderThan'),
  get('list not older than 0', '?resourceVersionMatch=NotOlderThan&resourceVersion=0&fieldSelector=metadata.name%3D$name'),
  get('list with initial events', '?sendInitialEvents=true'), get('list at 0', '?resourceVersion=0&fieldSelector=metadata.name%3D$name'),
  get('list a table', '?fieldSelector=metadata.name%3D$name', { accept: table }), get('list metadata', '?fieldSelector=metadata.name%3D$name', { accept: partialList }),
  get('list metadata of one', '?fieldSelector=metadata.name%3D$name', { accept: partial }), get('list in XML', '', { accept: 'application/xml' }),
  get('list a table with objects', '?fieldSelector=metadata.name%3D$name&includeObject=Object', { accept: table }), get('list a table with nothing', '?fieldSelector=metadata.name%3D$name&includeObject=None', { accept: table }),
  get('list a table with what', '?fieldSelector=metadata.name%3D$name&includeObject=Foo', { accept: table }),
  get('watch at a bad version', '?timeoutSeconds=1&watch=true&resourceVersion=x'), get('watch with a match', '?timeoutSeconds=1&watch=true&resourceVersionMatch=NotOlderThan'), get('watch with a match that is none', '?timeoutSeconds=1&watch=true&resourceVersionMatch=Foo&sendInitialEvents=true'),
  get('watch initial events without a match', '?timeoutSeconds=1&watch=true&sendInitialEvents=true'), get('watch on', '?timeoutSeconds=1&watch=true&continue=x'),
  get('watch by a bad selector', '?timeoutSeconds=1&watch=true&labelSelector=a+in'), get('watch by an unknown field', '?timeoutSeconds=1&watch=true&fieldSelector=spec.nothing%3Dx'),
  get('watch what', '?timeoutSeconds=1&watch=maybe&fieldSelector=metadata.name%3Dnone'), get('watch for how long', '?watch=true&timeoutSeconds=x'),
]

/** Updates and patches; all but those that say so are dry. */
export function changes(object: Fields): Ask[] {
  const { apiVersion, kind, metadata } = object as { apiVersion: string; kind: string; metadata: Fields }
  const stored = withMetadata(object, { resourceVersion: '$rv', uid: '$uid' })
  const applied = (more: Fields, name: unknown = '$name'): Fields => ({ apiVersion, kind, metadata: { name, ...more } })
  const label = [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }]
  return [
    put('replace', stored), put('replace without a version', object), put('replace an old version', withMetadata(object, { resourceVersion: '1' })),
    put('replace a bad version', withMetadata(object, { resourceVersion: 'x' })), put('replace another', withMetadata(object, { uid: 'other' })),
    put('replace under another name', withMetadata(object, { name: 'other' })), put('replace without a name', withMetadata(object, { name: undefined })),
    put('replace what is not there', withMetadata(object, { name: 'nothing-there' }), dry, '/nothing-there'), put('replace as another kind', { ...stored, kind: 'Nothing' }),
    put('replace elsewhere', withMetadata(stored, { namespace: 'elsewhere' })), put('replace with labels', withMetadata(stored, { labels: { x: 'y' } })),
    put('replace with bad labels', withMetadata(stored, { labels: { 'x y': 'y' } })), put('replace with nothing', ''), put('replace with half', JSON.stringify(stored).slice(0, -2)),
    put('replace with what is unknown', { ...stored, nonsense: 1 }, `${dry}&fieldValidation=Strict`), put('replace with finalizers', withMetadata(stored, { finalizers: ['example.com/a'] })),
    put('replace with a time', withMetadata(stored, { creationTimestamp: '2020-01-01T00:00:00Z', generation: 70, deletionTimestamp: '2020-01-01T00:00:00Z' })),
    patch('merge a label', mergePatch, { metadata: { labels: { a: 'b' } } }), patch('merge a bad label', mergePatch, { metadata: { labels: { 'a b': 'b' } } }),
    patch('merge nothing', mergePatch, {}), patch('merge an old version', mergePatch, { metadata: { resourceVersion: '1' } }), patch('merge another name', mergePatch, { metadata: { name: 'other' } }),
    patch('merge another uid', mergePatch, { metadata: { uid: 'other' } }), patch('merge a text', mergePatch, '"a"'), patch('merge a list', mergePatch, []), patch('merge half', mergePatch, '{"a":'),
    patch('merge what is unknown', mergePatch, { nonsense: 1 }, `${dry}&fieldValidation=Strict`), patch('merge what is not there', mergePatch, {}, dry, '/nothing-there'),
    patch('merge another kind', mergePatch, { kind: 'Nothing' }), patch('merge another version', mergePatch, { apiVersion: 'v9' }), patch('merge a number as label', mergePatch, { metadata: { labels: { a: 1 } } }),
    patch('merge with force', mergePatch, {}, `${dry}&force=true`), patch('merge fields twice', mergePatch, '{"metadata":{},"metadata":{}}', `${dry}&fieldValidation=Strict`),
    patch('add a label', jsonPatch, label), patch('test what is not so', jsonPatch, [{ op: 'test', path: '/metadata/name', value: 'other' }]), patch('remove nothing', jsonPatch, [{ op: 'remove', path: '/metadata/nothing' }]),
    patch('a bad operation', jsonPatch, [{ op: 'foo', path: '/a' }]), patch('no path', jsonPatch, [{ op: 'add', value: 1 }]), patch('a path without a slash', jsonPatch, [{ op: 'add', path: 'a', value: 1 }]),
    patch('operations that are none', jsonPatch, {}), patch('replace the name', jsonPatch, [{ op: 'replace', path: '/metadata/name', value: 'x' }]), patch('replace all', jsonPatch, [{ op: 'replace', path: '', value: {} }]),
    patch('copy and move', jsonPatch, [...label, { op: 'copy', from: '/metadata/labels/a', path: '/metadata/labels/c' }, { op: 'move', from: '/metadata/labels/a', path: '/metadata/labels/d' }]),
    patch('too many operations', jsonPatch, Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: kind }))),
    patch('merge by strategy', strategicPatch, { metadata: { labels: { a: 'b' }, finalizers: ['example.com/a'] } }), patch('delete by strategy', strategicPatch, { metadata: { labels: { $patch: 'delete' } } }),
    patch('replace by strategy', strategicPatch, { metadata: { annotations: { $patch: 'replace', z: '1' } } }), patch('a bad directive', strategicPatch, { metadata: { $patch: 'foo' } }),
    patch('a list that is deleted from', strategicPatch, { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/a'] } }), patch('order by strategy', strategicPatch, { metadata: { '$setElementOrder/finalizers': ['b'], finalizers: ['example.com/b'] } }),
    patch('a text by strategy', strategicPatch, { metadata: 'x' }), patch('in no known way', 'application/foo', {}), patch('apply without a manager', applyPatch, applied({ labels: { z: '1' } })),
    patch('apply', applyPatch, applied({ labels: { z: '1' } }), `${dry}&fieldManager=second`), patch('apply by force', applyPatch, applied({ labels: { z: '1' } }), `${dry}&fieldManager=second&force=true`),
    patch('apply another kind', applyPatch, { ...applied({}), kind: 'Nothing' }, `${dry}&fieldManager=second`), patch('apply another name', applyPatch, applied({}, 'other'), `${dry}&fieldManager=second`),
    patch('apply with managers', applyPatch, applied({ managedFields: [] }), `${dry}&fieldManager=second`), patch('apply with managers of others', applyPatch, applied({ managedFields: [{ manager: 'a' }] }), `${dry}&fieldManager=second`),
    patch('apply what is unknown', applyPatch, { ...applied({}), nonsense: 1 }, `${dry}&fieldManager=second`), patch('apply nothing', applyPatch, '', `${dry}&fieldManager=second`), patch('apply a uid', applyPatch, applied({ uid: 'other' }), `${dry}&fieldManager=second`),
    patch('apply all of it', applyPatch, { ...object, metadata }, `${dry}&fieldManager=second`), patch('apply something new', applyPatch, { ...object, metadata: { ...metadata, name: 'new' } }, `${dry}&fieldManager=second`, '/new'),
    { name: 'put to all', method: 'PUT', path: '', body: object }, { name: 'patch all', method: 'PATCH', path: '', body: {}, contentType: mergePatch }, { name: 'post to one', method: 'POST', path: '/$name', body: object },
    patch('really merge', mergePatch, { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } } }, 'fieldManager=third'), patch('really apply', applyPatch, applied({ labels: { a: 'c' } }), 'fieldManager=fourth'),
    patch('really apply by force', applyPatch, applied({ labels: { a: 'c' } }), 'fieldManager=fourth&force=true'), get('read what became', '/$name'),
    { name: 'replace at once', method: 'PUT', path: '/$name', body: withMetadata(stored, { labels: { race: 'x' } }), times: 6 },
    { name: 'patch at once', method: 'PATCH', path: '/$name', body: { metadata: { resourceVersion: '$rv', labels: { race: 'y' } } }, contentType: mergePatch, times: 6 },
  ]
}

export const subresource = (name: string, object: Fields): Ask[] => [
  get(`read ${name}`, `/$name/${name}`), get(`read ${name} of nothing`, `/nothing-there/${name}`), { name: `post ${name}`, method: 'POST', path: `/$name/${name}?${dry}`, body: {} },
  put(`replace ${name}`, withMetadata(object, { resourceVersion: '$rv' }), dry, `/$name/${name}`), put(`replace an old ${name}`, withMetadata(object, { resourceVersion: '1' }), dry, `/$name/${name}`),
  put(`replace ${name} with nothing`, '', dry, `/$name/${name}`), patch(`merge ${name}`, mergePatch, { metadata: { labels: { sub: 'x' } } }, dry, `/$name/${name}`),
  patch(`merge a text as ${name}`, mergePatch, { status: 'x', spec: 'y' }, dry, `/$name/${name}`), patch(`patch ${name}`, jsonPatch, [{ op: 'test', path: '/kind', value: 'x' }], dry, `/$name/${name}`),
  { name: `delete ${name}`, method: 'DELETE', path: `/$name/${name}` },
]

/** The object is gone in the end. */
export const deletions: readonly Ask[] = [
  remove('delete another', { preconditions: { uid: 'other' } }), remove('delete an old version', { preconditions: { resourceVersion: '1' } }), remove('delete, dry', undefined, dry),
  remove('delete in two ways', { orphanDependents: true, propagationPolicy: 'Orphan' }), remove('delete in no known way', { propagationPolicy: 'Foo' }), remove('delete in no known way', undefined, 'propagationPolicy=Foo'),
  remove('delete with a bad dry run', undefined, 'dryRun=Foo'), remove('delete with bad options', { kind: 'Nothing', apiVersion: 'v1' }), remove('delete with options of a kind', { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }),
  remove('delete with half of options', '{"a":'), remove('delete with bad grace', undefined, 'gracePeriodSeconds=x'), remove('delete with negative grace', undefined, `gracePeriodSeconds=-1&${dry}`),
  remove('delete in XML', '<a/>'), remove('delete nothing', undefined, '', '/nothing-there'), remove('delete all by a bad selector', undefined, 'labelSelector=a+in', ''), remove('delete all of no label', undefined, 'labelSelector=nothing%3Dthere', ''),
  remove('delete all by an unknown field', undefined, 'fieldSelector=spec.nothing%3Dx', ''), remove('delete for a table', undefined, dry),
  { name: 'delete at once', method: 'DELETE', path: '/$name?gracePeriodSeconds=0', times: 4 }, remove('delete again', undefined), get('read what is gone', '/$name'),
]
