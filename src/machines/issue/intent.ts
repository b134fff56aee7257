// What a person's text asks for, read by fixed rules: the reading that there always is, whatever a model would say.

export const intents = ['instruction', 'status', 'stop'] as const
export type Intent = (typeof intents)[number]

/** From 0 to 1: an agent that is less sure of what a text asks for has not said anything (core §3.23). */
export const leastConfidence = 0.55

const address = /^(hey\s+|hi\s+|hello\s+)?@?signalbox\b[\s,:!]*/i
const courtesy = /^(please|pls|could you|can you|kindly)\s+/i
const ending = /[\s.!?]*$/

/** Short texts only: an instruction may well contain the word 'stop' or ask where something is. */
const status = [
  /^(status|progress|any (news|update|updates|progress)|update)$/,
  /^(what('s| is) (the )?(status|progress|state)( of (this|it|the issue))?|what('s| is) (going on|happening|up)( here)?)$/,
  /^(how (is|are) (it|this|things|we) (going|doing|coming along)|how far (are you|is it|along are you)|where are (you|we)( with (this|it))?)$/,
  /^(are you (still )?(there|alive|working( on (this|it))?)|what are you (doing|working on|waiting for)|why is (this|it) not moving)$/,
  /^((tell|give) (me|us) (the |a )?(status|progress|update|status update))$/,
]
const stop = [
  /^(stop|halt|abort|pause|cancel)( (it|this|that|now|please|work|working( on (this|it))?|the run|here|everything|right now|immediately))*$/,
  /^(don't|do not) (continue|go on|work on (this|it)( any more)?)$/,
]

/** A comment is for us when it begins with our name; other comments are people talking to each other. */
export const isAddressed = (text: string): boolean => address.test(text.trim())

/** Contract: an instruction unless the whole text says one of the other two in one of their usual forms. */
export function intentOf(text: string): Intent {
  const words = text.trim().replace(address, '').replace(courtesy, '').replace(ending, '').replaceAll('’', "'").toLowerCase()
  if (status.some((form) => form.test(words))) return 'status'
  return stop.some((form) => form.test(words)) ? 'stop' : 'instruction'
}
