/** The objects that the loads of bench/controllers write. */
const filler = 'x'.repeat(60)

const template = (labels: Record<string, string>): object => ({
  metadata: { labels, annotations: { 'bench.example.com/note': filler } },
  spec: {
    containers: [{
      name: 'web', image: 'example.com/bench/web:1.2.3', ports: [{ containerPort: 8080, name: 'http', protocol: 'TCP' }],
      env: Array.from({ length: 4 }, (_, i) => ({ name: `VARIABLE_${i}`, value: `value of ${i}` })),
      resources: { requests: { cpu: '100m', memory: '128Mi' } },
    }],
  },
})

export const deployment = (name: string, replicas: number): object => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, labels: { app: name } },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: template({ app: name }) },
})

export const node = (): object => ({
  apiVersion: 'v1', kind: 'Node', metadata: { name: 'bench', labels: { 'topology.kubernetes.io/zone': 'a' } },
  status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }], capacity: { cpu: '1000', memory: '1000Gi', pods: '100000' } },
})

/** A pod; one that is on the node already has nobody to schedule it, and nobody to end it. */
export const pod = (name: string, app: string, nodeName?: string): object => {
  const { metadata, spec } = template({ app }) as { metadata: object; spec: object }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name }, spec: { ...spec, nodeName } }
}

export const service = (): object => ({
  apiVersion: 'v1', kind: 'Service', metadata: { name: 'bench' },
  spec: { selector: { app: 'bench' }, ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }] },
})

/** The address of the i-th pod. */
export const addresses = (i: number): string => `10.200.${Math.floor(i / 250)}.${(i % 250) + 1}`
