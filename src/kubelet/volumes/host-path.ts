/** Checks and makes what a hostPath volume names. Upstream: pkg/volume/hostpath. */
import type { HostFiles } from '../host/contract.ts'

/** Throws with upstream's text when the path is not of the type. */
export async function checkHostPath(files: HostFiles, path: string, type: string): Promise<void> {
  if (path.split('/').includes('..')) throw new Error(`invalid HostPath \`${path}\`: must not contain '..'`)
  if (type === '') return
  const found = (await files.stat(path))?.type
  const fail = (what: string): never => {
    throw new Error(`hostPath type check failed: ${path} is not a ${what}`)
  }
  switch (type) {
    case 'DirectoryOrCreate':
      if (found === undefined) return files.makeDir(path, 0o755)
      if (found !== 'dir') fail('directory')
      return
    case 'Directory':
      if (found !== 'dir') fail('directory')
      return
    case 'FileOrCreate':
      if (found === undefined) return files.write(path, '', 0o644)
      if (found !== 'file') fail('file')
      return
    case 'File':
      if (found !== 'file') fail('file')
      return
    case 'Socket':
      if (found !== 'socket') fail('socket file')
      return
    case 'CharDevice':
      if (found !== 'char') fail('character device')
      return
    case 'BlockDevice':
      if (found !== 'block') fail('block device')
      return
    default:
      throw new Error(`${type} is an invalid volume type`)
  }
}
