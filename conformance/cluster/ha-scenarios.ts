/** What ha.cluster.ts does to a control plane of three hosts, and what each of it shows. */
export const scenarios = {
  'endpoints': 'all API servers are endpoints of the service kubernetes, and work is done',
  'server-killed': 'kill -9 of an API server, each time another: its clients go on with another (writes within 5 s)',
  'member-killed': 'kill -9 of each member of etcd, the leader among them (writes within 8 s)',
  'member-frozen': 'a member of etcd that leads, then one that follows, is stopped for 8 s and wakes up (writes within 8 s)',
  'member-cut-off': 'a member of etcd is cut off from the others while its API server reaches it (writes within 8 s)',
  'disk-slow': 'each sync of a member\'s disk takes 0.4 s (writes within 8 s)',
  'disk-fails': 'the disk of a member fails to sync: it ends itself, and comes back (writes within 8 s)',
  'disk-full': 'the disk of a member is full: it ends itself and says why, others go on (writes within 8 s); with room again it has everything',
  'no-space': 'a member\'s quota is used up: writes are refused in etcd\'s words, reads and deletions go on; defragmented, all is taken again',
  'server-frozen': 'an API server that does not lead is stopped for 5 s and wakes up: its clients go on with another (writes within 8 s)',
  'host-cut-off': 'the host of the scheduler that works is cut off: another works (writes within 8 s)',
  'leader-frozen': 'the scheduler and controllers that work are stopped with their API server: others work (writes within 8 s)',
  'rolling-upgrade': 'all API servers are replaced, one after another: nobody waits (writes within 3 s)',
} as const

export type ScenarioName = keyof typeof scenarios

/** How a test of the scenario is called: tests are chosen by what is before the colon. */
export function titled(name: ScenarioName, what = ''): string {
  return `${name}: ${what === '' ? scenarios[name] : what}`
}

/** One line of the file that COXSWAIN_HA_FIGURES names. */
export interface Figure {
  readonly test: string
  /** Objects that were created while it went on. */
  readonly writes: number
  /** The longest time in which no write was acknowledged, in ms. */
  readonly longestMs: number
}
