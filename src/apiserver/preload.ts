/**
 * Loads what a server otherwise loads when it is first needed. Where time is moved by hand, and histories are to repeat
 * themselves, nothing may wait for files on the way.
 */
export async function preload(): Promise<void> {
  await import('reflect-metadata')
  await Promise.all([
    import('../api/generated/rbac-bootstrap.ts'), import('./storage/memory/memory.ts'), import('hono/tiny'), import('@peculiar/x509'),
  ])
}
