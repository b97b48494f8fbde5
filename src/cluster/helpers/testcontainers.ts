/** `import { CoxswainContainer } from 'coxswain/testcontainers'`: a cluster in a container, for tests in the manner of K3sContainer. */
import { basename } from 'node:path'
import { AbstractStartedContainer, GenericContainer, type StartedTestContainer, Wait, getContainerRuntimeClient } from 'testcontainers'
import { parseYaml } from '../../api/codec/yaml.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { Env } from '../../base/env.ts'
import { createSystemEnv } from '../../base/real/env.ts'
import { createHttpClient } from '../../client/http/transport.ts'
import { parseKubeconfig } from '../../client/kubeconfig.ts'
import { applyManifests } from './apply-manifests.ts'

const apiPort = 6443
const kubeconfigFile = '/var/lib/coxswain/kubeconfig.yaml'

/** A container of the image that hack/image builds. Nodes are simulated unless `withRealNodes` is called. */
export class CoxswainContainer extends GenericContainer {
  #nodes = 1
  #kind: readonly string[] = ['--simulate']

  constructor(image = 'coxswain:latest') {
    super(image)
    this.withExposedPorts(apiPort).withWaitStrategy(Wait.forLogMessage(/^Cluster \S+ is ready/m)).withStartupTimeout(120_000)
  }

  /** Default 1. */
  withNodes(nodes: number): this {
    this.#nodes = nodes
    return this
  }

  /** Nodes with kubelet and containerd, whose pods run. The container is privileged. */
  withRealNodes(): this {
    this.#kind = []
    return this.withPrivilegedMode()
  }

  /** The certificate has to name what clients will call the server. */
  protected override async beforeContainerCreated(): Promise<void> {
    const runtime = await getContainerRuntimeClient()
    const names = [...new Set([runtime.info.containerRuntime.host, ...this.networkAliases])]
    this.withCommand([...this.#kind, '--nodes', String(this.#nodes), ...names.flatMap((name) => ['--address', name])])
  }

  override async start(): Promise<StartedCoxswainContainer> {
    const started = await super.start()
    const { output, exitCode, stderr } = await started.exec(['cat', kubeconfigFile])
    if (exitCode !== 0) throw new Error(`the container has no kubeconfig: ${stderr}`)
    return new StartedCoxswainContainer(started, output)
  }
}

/** A cluster that is ready. */
export class StartedCoxswainContainer extends AbstractStartedContainer {
  readonly #kubeconfig: string
  #env: Env | undefined

  constructor(container: StartedTestContainer, kubeconfig: string) {
    super(container)
    this.#kubeconfig = kubeconfig
  }

  /** The administrator's kubeconfig for clients on this machine. */
  getKubeConfig(): string {
    return this.#withServer(`https://${this.getHost()}:${this.getMappedPort(apiPort)}`)
  }

  /** The administrator's kubeconfig for containers in the same network, where this one has that alias. */
  getAliasedKubeConfig(networkAlias: string): string {
    return this.#withServer(`https://${networkAlias}:${apiPort}`)
  }

  /** Puts an image archive (docker save, hack/image, coxswain image make) into every real node. */
  async loadImage(archive: string): Promise<void> {
    const target = `/tmp/${basename(archive)}`
    await this.copyFilesToContainer([{ source: archive, target }])
    const { exitCode, output } = await this.exec(['coxswain', 'image', 'load', target])
    await this.exec(['rm', '-f', target])
    if (exitCode !== 0) throw new Error(`loading ${archive} failed: ${output}`)
  }

  /** Applies manifests on the server side (YAML or JSON, several documents) and answers the objects as they are then. */
  async apply(manifests: string): Promise<KubeObject[]> {
    this.#env ??= createSystemEnv()
    const client = await createHttpClient(parseKubeconfig(parseYaml(this.getKubeConfig())), { clock: this.#env.clock, userAgent: 'coxswain-testcontainers' })
    try {
      return await applyManifests(client, manifests, { clock: this.#env.clock })
    } finally {
      await client.close()
    }
  }

  protected override async containerStopping(): Promise<void> {
    await this.#env?.tasks.stop()
    this.#env = undefined
  }

  #withServer(server: string): string {
    return this.#kubeconfig.replace(/^(\s*server:\s*)\S+$/m, `$1${server}`)
  }
}
