/** The disk does not hold what was written to it. */
export class DamageError extends Error {
  constructor(what: string) {
    super(`the store is damaged: ${what}; restore it from a snapshot (coxswain snapshot restore)`)
    this.name = 'DamageError'
  }
}
