/** Runs operations that share a key one after the other, in order of arrival; others side by side. Thread: main. */
export class KeyedLock {
  private readonly tails = new Map<string, Promise<unknown>>()

  run<T>(keys: readonly string[], operation: () => Promise<T>): Promise<T> {
    const unique = [...new Set(keys)]
    // All keys are taken at once, so two operations can never wait for each other.
    const before = Promise.allSettled(unique.map((key) => this.tails.get(key)))
    const result = before.then(operation)
    const tail = result.then(
      () => undefined,
      () => undefined,
    )
    for (const key of unique) this.tails.set(key, tail)
    void tail.then(() => {
      for (const key of unique) if (this.tails.get(key) === tail) this.tails.delete(key)
    })
    return result
  }
}
