// What the page knows of phases, all of it read from the machine: their order, their names for people, their tags.

/** The region whose active state is the phase: the one whose states' names are what documents call a phase. */
export function phasesOf(machine) {
  const region = machine?.root.states.find((state) => state.key === 'lifecycle')
  return (region?.states ?? []).map((state) => ({
    key: state.key,
    label: labelOf(state.key),
    description: state.description ?? state.meta['description'] ?? '',
    tags: state.tags,
    isTerminal: state.tags.includes('terminal'),
  }))
}

/** A name as words. */
export function labelOf(key) {
  const words = key.replaceAll('_', ' ').replace(/\b(ci|pr)\b/g, (word) => word.toUpperCase())
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Who a document waits for, as parties. */
export function partiesOf(document) {
  return [...new Set(document.waitsFor.map((wait) => wait.party))]
}

/** Whether a person has to do something for it to move. */
export function needsPerson(document) {
  return document.faulted !== null || document.waitsFor.some(({ party }) => party === 'human' || party === 'operator')
}
