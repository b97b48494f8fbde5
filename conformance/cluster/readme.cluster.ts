/** The README's first examples, run as they stand: its commands one after another in one shell. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { kubectlBinary, root } from './kubectl.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** The `sh` blocks below a heading. */
function blocks(heading: string): string[] {
  const section = readme.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? ''
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]!)
}

function shell(script: string, env: Record<string, string>): Promise<string> {
  return new Promise((done, fail) => {
    execFile('bash', ['-euc', script], { cwd: root, env: { ...process.env, ...env }, timeout: 240_000 }, (error, stdout, stderr) => {
      if (error === null) done(stdout)
      else fail(new Error(`${error.message}\n${stderr}${stdout}`))
    })
  })
}

test('a newcomer who types what the README says has a cluster, an image and pods that serve', async () => {
  const home = mkdtempSync(join(tmpdir(), 'readme-'))
  const name = `readme-${process.pid}`
  const env = { HOME: home, COXSWAIN_NAME: name, PATH: [dirname(kubectlBinary('1.36')), process.env['PATH']].join(delimiter) }
  const written = blocks('A cluster in one command').map((text) => text
    .replace('/coxswain.yaml', `/${name}.yaml`).replaceAll('busybox.tar', join(home, 'busybox.tar')))
  // Clusters of other shapes get names of their own; several masters and both IP families have tests of their own (src/cluster/hosts).
  const simulated = written.find((text) => text.includes('--simulate'))!
  const walk = written.filter((text) => !/--simulate|--ha|--ip-family/.test(text))
  try {
    const output = await shell([
      ...walk, 'kubectl rollout status deployment/web --timeout=60s',
      'kubectl run client --image=example.org/busybox:1 --restart=Never --rm -i --quiet -- sh -c "until wget -qO- http://web; do sleep 1; done"',
    ].join('\n'), env)
    expect(output).toContain('node-2   Ready')
    expect(output).toMatch(/^web-\w+-\w+$/m)
    expect(output, 'what the deployment controller would do').toMatch(/deployment.*default\/web/i)
    const other = await shell(`${simulated.replace('hack/up', `hack/up --name ${name}-s`)}\nkubectl --kubeconfig $HOME/.kube/${name}-s.yaml get nodes -o name | wc -l`, env)
    expect(other.trim().split('\n').at(-1)).toBe('100')
  } finally {
    await shell(`hack/down --name ${name} --purge; hack/down --name ${name}-s --purge`, env)
    rmSync(home, { recursive: true, force: true })
  }
})
