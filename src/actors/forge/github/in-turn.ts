// One at a time for each name: a branch is not looked at while it is being published, nor published twice at once.

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
