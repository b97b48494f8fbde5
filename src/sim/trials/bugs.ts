/**
 * Classes of mistakes as studies of operators report them (among them Sieve, OSDI 2022: stale states, lost intermediate
 * states, crashes between writes; Acto, SOSP 2023: states that are never reached again; and the conventions for
 * controllers that upstream's API machinery keeps). Each is one habit of the sample operator.
 */
import type { Habits } from './operator.ts'

export interface Bug {
  readonly name: string
  readonly what: string
  readonly habits: Habits
}

export const bugs: readonly Bug[] = [
  { name: 'stale-count', what: 'creates what the cache does not show yet', habits: { countsInCache: true } },
  { name: 'torn-write', what: 'creates under a name of chance and notes it by a second write', habits: { notesLater: true } },
  { name: 'missed-deletion', what: 'has no finalizer for what is outside', habits: { noFinalizer: true } },
  { name: 'ignored-conflict', what: 'takes a conflict for success', habits: { ignoresConflicts: true } },
  { name: 'swallowed-error', what: 'does not try again what failed', habits: { swallowsErrors: true } },
  { name: 'orphan', what: 'omits the owner reference', habits: { noOwner: true } },
  { name: 'lost-update', what: 'puts an object as it saw it, without a version', habits: { putsBlindly: true } },
  { name: 'tended-dead', what: 'acts on an object that is being deleted', habits: { tendsTheDeleted: true } },
  { name: 'unseen-generation', what: 'reports a generation that it has not acted on', habits: { observesUnseen: true } },
  { name: 'retry-storm', what: 'asks without end for what is invalid', habits: { retriesAtOnce: true } },
  { name: 'wide-selector', what: 'takes for its own whatever has the label', habits: { ownsByLabel: true } },
  { name: 'time-travel', what: 'deletes by name what a restart with an old cache shows as dying', habits: { deletesByName: true } },
  { name: 'skipped-start', what: 'trusts that all was done before it started', habits: { skipsInitial: true } },
  { name: 'frozen-child', what: 'creates what is missing and never brings it up to date', habits: { neverUpdates: true } },
]
