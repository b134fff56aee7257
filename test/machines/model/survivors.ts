// Mutants that no story and no property can notice, each with the reason why it makes no difference.

/** By the text of the mutant. */
export const survivors: Readonly<Record<string, string>> = {}
