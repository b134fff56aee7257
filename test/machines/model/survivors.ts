// Mutants that no story and no property can notice, each with the reason why it makes no difference.

/** By the text of the mutant. */
export const survivors: Readonly<Record<string, string>> = {
  // The same edge stands at the root of the chart, and takes over.
  'queue: edge queue.landing landing.withdrawn 1 dropped': 'the chart itself dequeues what is withdrawn and not under test',
  'queue: edge queue.adopting landing.withdrawn 1 dropped': 'the chart itself dequeues what is withdrawn and not under test',
}
