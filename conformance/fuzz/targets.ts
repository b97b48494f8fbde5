/**
 * Everything that reads what others send, as functions of bytes. A target may refuse its input, by any error that was
 * meant; it must not fail by one that was not (see `isMeant`), run without end, or take memory without bound.
 */
import { DYN, kubernetesEnvironment } from '../../src/api/cel/index.ts'
import { applyPatch } from '../../src/api/apply/apply.ts'
import { decodeFieldSet, encodeFieldSet } from '../../src/api/apply/fieldset.ts'
import { encodeProtobuf } from '../../src/api/codec/protobuf.ts'
import { parseFieldSelector } from '../../src/api/meta/field-selector.ts'
import { parseLabelSelector } from '../../src/api/meta/label-selector-parse.ts'
import type { KubeObject } from '../../src/api/meta/object.ts'
import { applyJsonPatch } from '../../src/api/patch/json-patch.ts'
import { applyMergePatch } from '../../src/api/patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../../src/api/patch/strategic-merge-patch.ts'
import { schemaOf } from '../../src/api/schema/builtin.ts'
import { createAuthority, issueCertificate, parseBundle } from '../../src/apiserver/auth/certificates.ts'
import { peekClaims, signToken, signingKey, verifySignature, verifyingKeys } from '../../src/apiserver/auth/jwt.ts'
import { parseRequestInfo } from '../../src/apiserver/chain/request-info.ts'
import { decodeBody, patchOf } from '../../src/apiserver/http/body.ts'
import { parseRequest } from '../../src/controllers/certificates/request.ts'
import { certificateRequest } from '../../src/kubelet/certificates/request.ts'

export interface Target {
  /** The first is right; others may be nearly so. */
  readonly seeds: readonly Buffer[]
  /** What means something in them. */
  readonly words: readonly string[]
  /** Throws what it refuses. */
  run(input: Buffer): void
}

/** Whether an error says that the input is wrong, and not that the program is. */
export function isMeant(error: unknown): boolean {
  return error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError) && !(error instanceof ReferenceError) && error.message !== ''
}

const pod: KubeObject = {
  apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'default', labels: { app: 'web' }, annotations: { 'a.example/b': 'c' }, finalizers: ['a.example/f'] },
  spec: {
    containers: [{ name: 'a', image: 'a:1', ports: [{ containerPort: 80, protocol: 'TCP' }], env: [{ name: 'A', value: 'b' }], resources: { requests: { cpu: '100m', memory: '1Gi' } } }, { name: 'b', image: 'b' }],
    volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }], tolerations: [{ key: 'k', operator: 'Exists', tolerationSeconds: 5 }], nodeSelector: { x: 'y' },
  },
  status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
} as unknown as KubeObject
const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const create = parseRequestInfo('POST', '/api/v1/namespaces/default/pods', new URLSearchParams())
const patch = parseRequestInfo('PATCH', '/api/v1/namespaces/default/pods/web', new URLSearchParams())
const options = { builtIn: true, strict: true, kind: 'Pod' }
const jsonWords = ['{', '[', '"', ':', ',', 'null', 'true', '{"a":', '[[', '"\\ud800"', '\\u0000', '1e999', '"metadata":{', '"__proto__":', '"constructor":', '"name":"a",', '\n', ' ', '-', '.']
const schema = schemaOf('io.k8s.api.core.v1.Pod')

const patched = (type: string, seeds: readonly unknown[], words: readonly string[], apply: (value: unknown) => unknown): Target => ({
  seeds: seeds.map(text), words: [...jsonWords, ...words],
  run(input) {
    apply(patchOf(decodeBody(patch, type, input, options)!))
  },
})

const yaml = `apiVersion: v1
kind: Pod
metadata:
  name: "web"
  labels: &m {app: web, "x": 'y'}
  annotations:
    text: |
      some
        lines
    folded: >-
      one
      two
  other: *m
spec:
  containers:
  - name: a
    args: [1, 0x1f, 0o7, 1.5e3, ~, true, 2026-01-01]
    ? complex
    : value
---
# a second one
kind: !!str x
`

const managed = {
  'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} }, 'f:finalizers': { 'v:"a.example/f"': {} } },
  'f:spec': { 'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:image': {}, 'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {} } } }, 'i:0': {} } },
}

const cel = kubernetesEnvironment({ variables: { self: DYN, oldSelf: DYN } })
const day = new Date(Date.UTC(2026, 0, 1))
const authority = createAuthority('fuzz', day)
const issued = issueCertificate(authority, { commonName: 'u', organizations: ['g'], dnsNames: ['a.example'], ipAddresses: ['127.0.0.1', '::1'], usages: ['server', 'client'], now: day, days: 1 })
const key = signingKey(issued.key)
const keys = verifyingKeys(issued.key)

export const targets: Readonly<Record<string, Target>> = {
  json: { seeds: [text(pod), text({ kind: 'List', items: [pod, null, 1.5, [true]] })], words: jsonWords, run: (input) => void decodeBody(create, 'application/json', input, options) },
  yaml: {
    seeds: [Buffer.from(yaml), text(pod), Buffer.from('a: [b, {c: d}]\ne: "\\x41\\u263a"\n- f\n')],
    words: ['- ', ': ', '? ', '&a ', '*a ', '!!binary ', '!!map ', '|', '>+2', '"', "'", '{', '[', '#', '---\n', '...\n', '\t', '  ', '\n', '<<: ', '%YAML 1.2\n', '\ufeff', '0b1', '.inf', '~'],
    run: (input) => void decodeBody(create, 'application/yaml', input, options),
  },
  protobuf: {
    seeds: [encodeProtobuf(pod), encodeProtobuf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'b' }, binaryData: { c: 'AAE=' } })],
    words: ['k8s\0', '\x0a', '\x12\x80\x01', '\xff\xff\xff\xff\x0f', '\x0b\x0c', '\x80', 'v1', 'Pod'],
    run: (input) => void decodeBody(create, 'application/vnd.kubernetes.protobuf', input, options),
  },
  'json-patch': patched('application/json-patch+json', [
    [{ op: 'add', path: '/metadata/labels/x', value: 'y' }, { op: 'test', path: '/spec/containers/0/name', value: 'a' }, { op: 'remove', path: '/spec/volumes/0' }],
    [{ op: 'move', from: '/spec/containers/0', path: '/spec/containers/1' }, { op: 'copy', from: '/spec', path: '/spec/x~1y~0' }, { op: 'replace', path: '', value: {} }, { op: 'add', path: '/spec/containers/-', value: 1 }],
  ], ['{"op":"copy","from":"","path":"/a"},', '"path":"/', '/-', '~0', '~1', '/0', '/-1', '/01', '"from":"', '"op":"add",'], (value) => applyJsonPatch(pod, value)),
  'merge-patch': patched('application/merge-patch+json', [{ metadata: { labels: { app: null, b: 'c' } }, spec: { containers: [] } }, { spec: null }], ['"spec":{'], (value) => applyMergePatch(pod, value)),
  'strategic-merge-patch': patched('application/strategic-merge-patch+json', [
    { metadata: { labels: { x: null } }, spec: { containers: [{ name: 'a', image: 'x', ports: [{ containerPort: 80, $patch: 'delete' }] }], '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['a.example/f'], labels: { $patch: 'replace', z: 'y' } }, spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }], tolerations: [{ $patch: 'replace' }] } },
  ], ['"$patch":"delete",', '"$retainKeys":["a"],', '"$setElementOrder/containers":', '"$deleteFromPrimitiveList/finalizers":', '"containers":[', '{"name":'], (value) => applyStrategicMergePatch(pod, value, schema)),
  apply: patched('application/apply-patch+yaml', [
    { ...pod, metadata: { name: 'web', labels: { app: 'x' } } },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [{ name: 'a', ports: [{ containerPort: 81 }] }, { name: 'z', image: 'y' }], nodeSelector: null } },
  ], ['"containers":[', '{"name":"a"},', '"ports":[{"containerPort":80}],', '"managedFields":[],', '"kind":"Node",'], (value) => applyPatch({
    live: { ...pod, metadata: { ...pod.metadata, managedFields: [{ manager: 'other', operation: 'Update', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', fieldsType: 'FieldsV1', fieldsV1: managed }] } } as KubeObject,
    patch: value as KubeObject, schema, apiVersion: 'v1', manager: 'me', now: day, force: true,
  })),
  'label-selector': { seeds: ['a=b,c!=d', 'x in (a,b),y notin (c),!z,w', 'a.example/b==c', 'n>1,m<2'].map((one) => Buffer.from(one)), words: [' in (', ' notin ', '!', '=', '==', '!=', ',', '(', ')', '>', '<', 'a.b/c', ' '], run: (input) => void parseLabelSelector(input.toString()) },
  'field-selector': { seeds: ['metadata.name=a,spec.nodeName!=b', 'a=b\\,c\\=d\\\\'].map((one) => Buffer.from(one)), words: ['=', '==', '!=', ',', '\\', '\\,', '.'], run: (input) => void parseFieldSelector(input.toString()) },
  'field-paths': {
    seeds: [text(managed)], words: [...jsonWords, '"f:a":{', '"k:{\\"name\\":\\"a\\"}":{', '"v:1":{', '"i:-1":{', '".":{}'],
    run(input) {
      const fields: unknown = JSON.parse(input.toString())
      if (typeof fields !== 'object' || fields === null) return
      const once = JSON.stringify(encodeFieldSet(decodeFieldSet(fields)))
      if (JSON.stringify(encodeFieldSet(decodeFieldSet(JSON.parse(once) as object))) !== once) throw new TypeError(`a set changes by being read: ${once.slice(0, 300)}`)
    },
  },
  cel: {
    seeds: ['self.spec.replicas <= 5 && self.metadata.name.startsWith("w")', 'self.items.all(x, x.matches("^[a-z]+$")) ? [1, 2u, 3.0] : {"a": b"c"}', 'has(self.a) && self.?b.orValue(1) == oldSelf.c', 'quantity("1Gi").add(quantity("1")).isGreaterThan(quantity("5k"))',
      'cidr("10.0.0.0/8").containsIP(ip("10.1.2.3")) && url("https://a/b?c=d").getHost() == "a"', '"%s %d".format([self, 1]).split(" ").exists(i, v, v == r"\\x")', 'timestamp("2026-01-01T00:00:00Z") + duration("1h30m") > timestamp("2025-01-01T00:00:00Z")', 'self.map(x, x * 2).filter(y, y % 2 == 0).transformList(i, v, i + v)'].map((one) => Buffer.from(one)),
    words: ['self', '.', '(', ')', '[', ']', '{', '}', '?', ':', '&&', '||', '!', '-', '"', "'''", 'r"', 'b"', '.all(x, ', '.map(x, ', '.exists(x, ', '1u', '0x', '1e', ' in ', '.?', '[?', '// ', '\\u', 'cel.bind(', 'sets.contains(', 'semver("1.0.0")', 'format.named("dns1123Label").value()'],
    run(input) {
      const compiled = cel.compile(input.toString())
      const values = { self: { spec: { replicas: 3 }, metadata: { name: 'web' }, items: ['a', 'b'] }, oldSelf: { c: 1 } }
      const result = compiled.ok ? compiled.program.evaluate(values, { limit: 100_000 }) : undefined
      const failure = !compiled.ok ? compiled.message : result?.ok === false ? result.error : undefined
      if (failure !== undefined) throw new Error(failure)
    },
  },
  certificates: {
    seeds: [Buffer.from(issued.cert), Buffer.from(authority.cert + issued.cert)], words: ['-----BEGIN CERTIFICATE-----\n', '-----END CERTIFICATE-----\n', '\n', '=', 'MII'], run: (input) => void parseBundle(input.toString('latin1')),
  },
  'certificate-requests': {
    seeds: [Buffer.from(certificateRequest(issued.key, { commonName: 'system:node:a', organizations: ['system:nodes'], dnsNames: ['a'], ipAddresses: ['10.0.0.1'] }))],
    words: ['-----BEGIN CERTIFICATE REQUEST-----\n', '-----END CERTIFICATE REQUEST-----\n', '\n', '=', 'MII', '0\x80'], run: (input) => void parseRequest(input.toString('base64')),
  },
  tokens: {
    seeds: [signToken(key, { iss: 'https://a.example', sub: 'system:serviceaccount:a:b', aud: ['x'], exp: 4_000_000_000, 'kubernetes.io': { namespace: 'a' } })].map((one) => Buffer.from(one)), words: ['.', 'e30', 'bnVsbA', 'W10', '=', '-', '_', Buffer.from('{"alg":"none"}').toString('base64url')],
    run(input) {
      if (peekClaims(input.toString('latin1')) === undefined) throw new Error('no token')
      if (!verifySignature(input.toString('latin1'), keys)) throw new Error('not signed')
    },
  },
}
