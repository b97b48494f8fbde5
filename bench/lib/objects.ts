/** The objects that the loads write. */
export const namespace = 'bench'

const filler = 'x'.repeat(90)

/** About 1 kB of JSON. */
export function configMap(name: string, labels: Record<string, string> = { app: 'bench' }): object {
  return {
    apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels },
    data: Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`key-${i}`, filler])),
  }
}

/** A pod as deployments make them: two containers with resources, probes and environment. */
export function pod(name: string, labels: Record<string, string>, inside: string = namespace): object {
  const container = (n: string) => ({
    name: n, image: `registry.k8s.io/bench/${n}:1.2.3`, imagePullPolicy: 'IfNotPresent',
    env: Array.from({ length: 6 }, (_, i) => ({ name: `VARIABLE_${i}`, value: `value of ${i}` })),
    ports: [{ containerPort: 8080, name: `p-${n}`, protocol: 'TCP' }],
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '200m', memory: '256Mi' } },
    readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 10 },
  })
  return {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: inside, labels, annotations: { 'bench.example.com/note': filler } },
    spec: {
      containers: [container('web'), container('side')], nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'bench', effect: 'NoSchedule' }],
    },
  }
}
