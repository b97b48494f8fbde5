/** Puts an image archive into a containerd, where its CRI sees it. */
import { execFile } from 'node:child_process'

/** Imports the archive file and returns the names that it brought. Fails with ctr's own words. */
export function loadImage(socket: string, file: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    execFile('ctr', ['--address', socket, '--namespace', 'k8s.io', 'images', 'import', file], { encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error !== null) {
        const missing = 'code' in error && error.code === 'ENOENT'
        reject(new Error(missing ? 'there is no ctr: install containerd' : `could not import ${file}: ${(stderr || error.message).trim()}`))
        return
      }
      resolve([...stdout.matchAll(/^unpacking (\S+) /gm)].map((match) => match[1]!))
    })
  })
}
