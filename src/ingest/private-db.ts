/**
 * Names of databases that only one run of a task reads: points written there reach that run and nothing else, and the run sees
 * the name without its mark. Thread: any.
 */
const mark = '\0'

/** `run` is unguessable: such a name could be sent from outside. */
export function privateDb(run: string, db: string): string {
  return mark + run + mark + db
}

export function isPrivateDb(db: string): boolean {
  return db.startsWith(mark)
}

/** The name that tasks see. */
export function publicDb(db: string): string {
  return isPrivateDb(db) ? db.slice(db.indexOf(mark, 1) + 1) : db
}
