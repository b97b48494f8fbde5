import { readFileSync, writeFileSync } from 'node:fs'

/** Sets entries of /proc/sys that have another value. Throws what the kernel says. */
export function setSysctls(folder: string, entries: readonly (readonly [name: string, value: number])[]): void {
  for (const [name, value] of entries) {
    const file = `/proc/sys/${folder}/${name}`
    if (readFileSync(file, 'utf8').trim() !== String(value)) writeFileSync(file, String(value))
  }
}

/** Tables for more tracked connections than before need more buckets; only the first network namespace may ask for them. */
export function growConntrackHash(max: number): void {
  const file = '/sys/module/nf_conntrack/parameters/hashsize'
  if (Number(readFileSync(file, 'utf8')) < max / 4) writeFileSync(file, String(Math.floor(max / 4)))
}
