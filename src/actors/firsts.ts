// Which names come for the first time: what would be said of every delivery is said once.

/** `isFirst` of a name that is new. Others choose the names: after `most` of them none is new any more. */
export function createFirsts(most = 200): { isFirst: (name: string) => boolean } {
  const seen = new Set<string>()
  return {
    isFirst(name) {
      if (seen.has(name) || seen.size >= most) return false
      seen.add(name)
      return true
    },
  }
}
