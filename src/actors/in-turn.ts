// One at a time for each name, in the order in which they were asked for: what one writes, another does not write over.
// Whoever asked for a work hears how it ended; the next one begins all the same.

export type InTurn = <T>(name: string, work: () => Promise<T>) => Promise<T>

export function createInTurn(): InTurn {
  const last = new Map<string, Promise<void>>()
  return (name, work) => {
    const turn = (last.get(name) ?? Promise.resolve()).then(work)
    const over = turn.then(
      () => {},
      () => {},
    )
    last.set(name, over)
    void over.then(() => {
      if (last.get(name) === over) last.delete(name)
    })
    return turn
  }
}
