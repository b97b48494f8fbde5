import type { HostFiles } from './contract.ts'

/** Bytes of reserved huge pages by resource name ("hugepages-2Mi"), of a folder like /sys/kernel/mm/hugepages. */
export async function readHugePages(files: HostFiles, path: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const name of await files.list(path).catch(() => [])) {
    const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0)
    if (kilobytes === 0) continue
    const size = kilobytes % 1_048_576 === 0 ? `${kilobytes / 1_048_576}Gi` : kilobytes % 1024 === 0 ? `${kilobytes / 1024}Mi` : `${kilobytes}Ki`
    const count = (await files.readText(`${path}/${name}/nr_hugepages`))?.trim() ?? ''
    found[`hugepages-${size}`] = 1024 * kilobytes * (Number(count) || 0)
  }
  return found
}
