/** "Did you mean": the nearest of some names, by edits (an exchange of neighbours is one). Thread: any. */

/** Longer words are not compared. */
const maxLength = 64

/** The nearest name if it is near enough to be meant: a third of its letters may differ. */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  if (word.length > maxLength) return undefined
  const lower = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const name of names) {
    if (name === word || name.length > maxLength) continue
    const limit = Math.max(1, Math.floor(Math.max(word.length, name.length) / 3))
    if (Math.abs(name.length - word.length) > limit) continue
    const folded = name.toLowerCase()
    // Letters of the wrong case come before all other mistakes.
    const distance = folded === lower ? 0 : edits(lower, folded)
    if (distance > limit || distance >= bestDistance || (distance === word.length && word.length < 3)) continue
    best = name
    bestDistance = distance
  }
  return best
}

/** Insertions, deletions, replacements and exchanges of neighbours (optimal string alignment). */
export function edits(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      let cost = Math.min(replaced, last[j] + 1, row[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2] + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length]
}
