/** Volumes of pods and templates (upstream: ValidateVolumes). */
import type {
  ConfigMapVolumeSource, DownwardAPIVolumeFile, KeyToPath, PersistentVolumeClaimTemplate, ProjectedVolumeSource, SecretVolumeSource, Volume,
  VolumeProjection,
} from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { isDNS1123Subdomain } from '../../../api/meta/names.ts'
import { compareQuantity } from '../../../api/meta/quantity.ts'
import { claimSpecErrors, templateMetadata } from './claim-spec.ts'
import { dnsLabel, fileMode, invalidAll, localNonReservedPath, oneOf, onlyOne, required, type Errors } from './common.ts'
import { fieldSelector, resourceFieldSelector, volumeFieldPaths } from './pod-fields.ts'
import { legacyVolumeSources } from './volume-sources.ts'

export interface PodScope {
  /** False for templates: some rules hold for pods alone. */
  readonly isPod: boolean
  /** Of the pod; '' in templates. */
  readonly podName: string
  readonly feature: (name: string) => boolean
}

function* keyToPath(path: string, { key, path: target, mode }: KeyToPath): Generator<FieldError> {
  yield* required(`${path}.key`, key)
  yield* required(`${path}.path`, target)
  yield* localNonReservedPath(`${path}.path`, target ?? '')
  yield* fileMode(`${path}.mode`, mode)
}

function* keyed(path: string, name: string, value: string | undefined, source: SecretVolumeSource | ConfigMapVolumeSource): Generator<FieldError> {
  yield* required(`${path}.${name}`, value)
  yield* fileMode(`${path}.defaultMode`, source.defaultMode)
  for (const [i, item] of (source.items ?? []).entries()) yield* keyToPath(indexPath(`${path}.items`, i), item)
}

function* downwardFile(path: string, file: DownwardAPIVolumeFile): Generator<FieldError> {
  yield* required(`${path}.path`, file.path)
  yield* localNonReservedPath(`${path}.path`, file.path ?? '')
  if (file.fieldRef !== undefined) {
    yield* fieldSelector(`${path}.fieldRef`, file.fieldRef, volumeFieldPaths)
    if (file.resourceFieldRef !== undefined) yield fieldInvalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously')
  } else if (file.resourceFieldRef !== undefined) yield* resourceFieldSelector(`${path}.resourceFieldRef`, file.resourceFieldRef, true)
  else yield fieldRequired(path, 'one of fieldRef and resourceFieldRef is required')
  yield* fileMode(`${path}.mode`, file.mode)
}

/** Two sources of a projected volume must not write one path. */
class Paths {
  readonly #seen = new Set<string>()
  readonly #path: string
  constructor(path: string) {
    this.#path = path
  }
  *claim(target: string | undefined, value: unknown): Generator<FieldError> {
    if (!target) return
    if (this.#seen.has(target)) yield fieldInvalid(this.#path, value, 'conflicting duplicate paths')
    this.#seen.add(target)
  }
}

function* projectedItems(path: string, name: string | undefined, items: readonly KeyToPath[] | undefined, paths: Paths): Generator<FieldError> {
  yield* required(`${path}.name`, name)
  for (const [i, item] of (items ?? []).entries()) {
    yield* keyToPath(indexPath(`${path}.items`, i), item)
    yield* paths.claim(item.path, name ?? '')
  }
}

function* projectedToken(path: string, volume: string, token: NonNullable<VolumeProjection['serviceAccountToken']>): Generator<FieldError> {
  const seconds = token.expirationSeconds ?? 3600
  if (seconds < 600) yield fieldInvalid(`${path}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes')
  if (seconds > 2 ** 32) yield fieldInvalid(`${path}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds')
  if (!token.path) yield fieldRequired(`${volume}.path`)
  else yield* localNonReservedPath(`${volume}.path`, token.path)
}

function* projectedBundle(path: string, bundle: NonNullable<VolumeProjection['clusterTrustBundle']>, paths: Paths): Generator<FieldError> {
  const { name, signerName, labelSelector } = bundle
  const target = bundle.path || ''
  if (name !== undefined && signerName !== undefined) yield fieldInvalid(path, bundle, 'only one of name and signerName may be used')
  else if (name !== undefined) {
    if (name === '') yield fieldRequired(`${path}.name`, 'must be a valid object name')
    if (labelSelector !== undefined) yield fieldInvalid(`${path}.labelSelector`, labelSelector, 'labelSelector must be unset if name is specified')
  } else if (signerName === undefined) yield fieldRequired(path, 'either name or signerName must be specified')
  else if (signerName === '') yield fieldRequired(`${path}.signerName`, 'must be a valid signer name')
  yield* required(`${path}.path`, target)
  yield* localNonReservedPath(`${path}.path`, target)
  yield* paths.claim(target, target)
}

const keyTypes = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519']

function* projectedCertificate(path: string, source: NonNullable<VolumeProjection['podCertificate']>, paths: Paths): Generator<FieldError> {
  yield* oneOf(`${path}.keyType`, source.keyType, keyTypes)
  const seconds = source.maxExpirationSeconds
  if (seconds !== undefined && seconds < 3600) yield fieldInvalid(`${path}.maxExpirationSeconds`, seconds, 'if provided, maxExpirationSeconds must be >= 3600')
  const targets = { credentialBundlePath: source.credentialBundlePath, keyPath: source.keyPath, certificateChainPath: source.certificateChainPath }
  for (const [name, target] of Object.entries(targets)) {
    if (!target) continue
    yield* localNonReservedPath(`${path}.${name}`, target)
    yield* paths.claim(target, target)
  }
  if (Object.values(targets).every((target) => !target)) {
    yield fieldRequired(path, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath')
  }
}

function* projected(path: string, volume: ProjectedVolumeSource): Generator<FieldError> {
  yield* fileMode(`${path}.defaultMode`, volume.defaultMode)
  const paths = new Paths(path)
  for (const [i, source] of (volume.sources ?? []).entries()) {
    const at = indexPath(`${path}.sources`, i)
    const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source
    if (secret !== undefined) yield* projectedItems(`${at}.secret`, secret.name, secret.items, paths)
    if (configMap !== undefined) yield* projectedItems(`${at}.configMap`, configMap.name, configMap.items, paths)
    for (const file of downwardAPI?.items ?? []) {
      yield* downwardFile(`${at}.downwardAPI`, file)
      yield* paths.claim(file.path, file.path)
    }
    if (serviceAccountToken !== undefined) yield* projectedToken(`${at}.serviceAccountToken`, path, serviceAccountToken)
    if (clusterTrustBundle !== undefined) yield* projectedBundle(`${at}.clusterTrustBundle`, clusterTrustBundle, paths)
    if (podCertificate !== undefined) yield* projectedCertificate(`${at}.podCertificate`, podCertificate, paths)
    const count = [secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate].filter((s) => s !== undefined).length
    if (count > 1) yield fieldForbidden(at, 'may not specify more than 1 volume type per source')
  }
}

function* claimTemplate(path: string, template: PersistentVolumeClaimTemplate | undefined): Generator<FieldError> {
  if (template === undefined) {
    yield fieldRequired(`${path}.volumeClaimTemplate`)
    return
  }
  yield* templateMetadata(`${path}.volumeClaimTemplate.metadata`, template.metadata)
  yield* claimSpecErrors(`${path}.volumeClaimTemplate.spec`, template.spec)
}

function* ephemeral(path: string, volume: Volume, scope: PodScope): Generator<FieldError> {
  yield* claimTemplate(`${path}.ephemeral`, volume.ephemeral?.volumeClaimTemplate)
  if (scope.podName === '' || !volume.name) return
  const claim = `${scope.podName}-${volume.name}`
  yield* invalidAll(`${path}.name`, volume.name, isDNS1123Subdomain(claim).map((message) => `PVC name ${JSON.stringify(claim)}: ${message}`))
}

function* emptyDir(path: string, volume: Volume): Generator<FieldError> {
  const limit = volume.emptyDir?.sizeLimit
  if (limit !== undefined && compareQuantity(limit, '0') < 0) {
    yield fieldForbidden(`${path}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity')
  }
}

function* image(path: string, volume: Volume, scope: PodScope): Generator<FieldError> {
  if (scope.isPod) yield* required(`${path}.image.reference`, volume.image?.reference)
  yield* oneOf(`${path}.image.pullPolicy`, volume.image?.pullPolicy, ['Always', 'IfNotPresent', 'Never'])
}

function* downward(path: string, volume: Volume): Generator<FieldError> {
  yield* fileMode(`${path}.downwardAPI.defaultMode`, volume.downwardAPI?.defaultMode)
  for (const file of volume.downwardAPI?.items ?? []) yield* downwardFile(`${path}.downwardAPI`, file)
}

type Source = readonly [name: string, value: unknown, check: () => Errors]

function* volumeSource(path: string, v: Volume, scope: PodScope): Generator<FieldError> {
  const legacy = legacyVolumeSources(path, v)
  const own: Readonly<Record<string, Source>> = {
    emptyDir: ['emptyDir', v.emptyDir, () => emptyDir(path, v)],
    secret: ['secret', v.secret, () => keyed(`${path}.secret`, 'secretName', v.secret?.secretName, v.secret!)],
    persistentVolumeClaim: ['persistentVolumeClaim', v.persistentVolumeClaim,
      () => required(`${path}.persistentVolumeClaim.claimName`, v.persistentVolumeClaim?.claimName)],
    downwardAPI: ['downwarAPI', v.downwardAPI, () => downward(path, v)],
    configMap: ['configMap', v.configMap, () => keyed(`${path}.configMap`, 'name', v.configMap?.name, v.configMap!)],
    projected: ['projected', v.projected, () => projected(`${path}.projected`, v.projected!)],
    ephemeral: ['ephemeral', v.ephemeral, () => ephemeral(path, v, scope)],
    image: ['image', v.image, () => image(path, v, scope)],
  }
  const all = { ...legacy, ...own }
  const count = yield* onlyOne(path, order.map((name) => all[name]!), 'may not specify more than 1 volume type')
  if (count === 0) yield fieldRequired(path, 'must specify a volume type')
}

/** The order in which upstream looks at them decides which of two is one too many. */
const order = [
  'emptyDir', 'hostPath', 'gitRepo', 'gcePersistentDisk', 'awsElasticBlockStore', 'secret', 'nfs', 'iscsi', 'glusterfs',
  'flocker', 'persistentVolumeClaim', 'rbd', 'cinder', 'cephfs', 'quobyte', 'downwardAPI', 'fc', 'flexVolume', 'configMap',
  'azureFile', 'vsphereVolume', 'photonPersistentDisk', 'portworxVolume', 'azureDisk', 'storageos', 'projected', 'scaleIO',
  'csi', 'ephemeral', 'image',
]

/** What is wrong with the volumes; `valid` collects the good ones by name, for mounts to refer to. */
export function* volumeErrors(path: string, volumes: readonly Volume[] | undefined, scope: PodScope, valid: Map<string, Volume>): Generator<FieldError> {
  const created = scope.podName === '' ? [] : (volumes ?? []).filter((v) => v.ephemeral !== undefined).map((v) => `${scope.podName}-${v.name}`)
  for (const [i, volume] of (volumes ?? []).entries()) {
    const at = indexPath(path, i)
    const errors = [...volumeSource(at, volume, scope)]
    if (!volume.name) errors.push(fieldRequired(`${at}.name`))
    else errors.push(...dnsLabel(`${at}.name`, volume.name))
    if (valid.has(volume.name)) errors.push(fieldDuplicate(`${at}.name`, volume.name))
    if (errors.length === 0) valid.set(volume.name, volume)
    yield* errors
    const claim = volume.persistentVolumeClaim?.claimName
    if (claim !== undefined && created.includes(claim)) {
      yield fieldInvalid(`${at}.persistentVolumeClaim.claimName`, claim, 'must not reference a PVC that gets created for an ephemeral volume')
    }
  }
}
