/** Clouds by the name in --cloud-provider. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseYaml } from '../api/codec/yaml.ts'
import { connectExternalCloud, type ExternalCloudOptions } from '../cloud/grpc/provider.ts'
import { parseLocalConfiguration } from '../cloud/local/configuration.ts'
import { systemMachine } from '../cloud/local/exec/machine.ts'
import { createLocalCloud } from '../cloud/local/index.ts'
import type { OpenCloud } from '../cloud/manager.ts'
import { UsageError } from './command.ts'

/** UsageError for a cloud that is unknown, and for a configuration that cannot be. */
export function cloudNamed(name: string, file: string): OpenCloud {
  const document = file === '' ? undefined : readDocument(file)
  if (name === 'local') {
    const configuration = named(file, () => parseLocalConfiguration(document))
    return (env, informers) => createLocalCloud(env, configuration, informers, systemMachine)
  }
  if (name === 'external-grpc') {
    const options = named(file, () => parseExternalConfiguration(document, (path) => resolve(dirname(file), path)))
    return () => connectExternalCloud(options)
  }
  if (name === '') throw new UsageError('--cloud-provider cannot be empty')
  throw new UsageError(`unknown cloud provider ${JSON.stringify(name)}: use local, or external-grpc for a program that speaks cloud_provider.proto`)
}

function readDocument(file: string): unknown {
  try {
    return parseYaml(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`cannot read the cloud configuration ${file}: ${(error as Error).message}`)
  }
}

function named<T>(file: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new UsageError(`cloud configuration${file === '' ? '' : ` ${file}`}: ${(error as Error).message}`)
  }
}

/** ExternalCloudConfiguration: `endpoint`, and `tls` with the files `caFile`, `certFile`, `keyFile` beside the configuration. */
function parseExternalConfiguration(document: unknown, inFolder: (path: string) => string): ExternalCloudOptions {
  if (typeof document !== 'object' || document === null) throw new Error('endpoint: Required value: give --cloud-config with where the cloud listens')
  const { apiVersion, kind, endpoint, tls, ...unknown } = document as Record<string, unknown>
  if (apiVersion !== undefined && apiVersion !== 'cloud.coxswain.dev/v1alpha1') throw new Error(`apiVersion: ${JSON.stringify(apiVersion)} is not cloud.coxswain.dev/v1alpha1`)
  if (kind !== undefined && kind !== 'ExternalCloudConfiguration') throw new Error(`kind: ${JSON.stringify(kind)} is not ExternalCloudConfiguration`)
  const [other] = Object.keys(unknown)
  if (other !== undefined) throw new Error(`${other}: unknown field; known: endpoint, tls`)
  if (typeof endpoint !== 'string' || endpoint === '') throw new Error('endpoint: Required value')
  if (tls === undefined) return { endpoint }
  const { caFile, certFile, keyFile } = tls as Record<string, string | undefined>
  const read = (path: string | undefined): Buffer | undefined => (path === undefined ? undefined : readFileSync(inFolder(path)))
  return { endpoint, tls: Object.fromEntries(Object.entries({ ca: read(caFile), cert: read(certFile), key: read(keyFile) }).filter(([, value]) => value !== undefined)) }
}
