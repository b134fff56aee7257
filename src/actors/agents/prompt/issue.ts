// What is known of the issue: its own text and what stands around it in the tracker.

import { roomFor, sizeOf } from '../budget.ts'
import { parseDescription, type Role } from '../description.ts'
import { list, oneLine, paragraphs, quote, section } from '../markdown.ts'
import { isAside, type Dependencies, type PromptFacts } from './facts.ts'
import { aboutCut, aboutWhole, entries, fitting, mostIssues, one, several, who, type Whole } from './fitting.ts'

/** Headings that are named. */
const mostHeadings = 20

const aboutHeadings = 4_000

/** The description, and what of it says what is asked for, by the headings that people use for that. */
export function issue(description: string, whole: Whole): string {
  const text = description.trim()
  const where = whole('issue.description')
  const told = one('description', { text, as: 'fence' }, where)
  const asked = askedIn(text)
  if (asked.length === 0) return told
  const names = entries(
    aboutHeadings,
    asked.map(({ role, title }) => `${role}: ${oneLine(title!, 60)}`),
    mostHeadings,
  )
  // What a reader of the shortened text would miss the most.
  const isWhole = sizeOf(text) <= roomFor('description') - aboutWhole - aboutCut
  const lost = isWhole ? [] : asked.filter(({ text: body }) => !told.includes(body))
  const pieces = lost.map(({ role, text: body }) => ({ intro: `Its ${role}:`, text: body, as: 'fence' as const }))
  return paragraphs(
    told,
    'Where it says what is asked for:',
    quote(list(names)),
    pieces.length === 0 ? null : several(roomFor('asked') - aboutHeadings, pieces, where),
  )
}

export const askedIn = (description: string) =>
  parseDescription(description).filter((part): part is typeof part & { role: Role } => part.role !== null && part.text !== '')

export const messages = (texts: PromptFacts['messages'], whole: Whole): string =>
  several(
    roomFor('messages'),
    texts.map(({ text, author }) => ({ intro: `From ${who(author)}:`, text })),
    whole('messages'),
  )

const priorities = ['', 'urgent', 'high', 'medium', 'low']

const mostLabels = 30

const aboutLabels = 2_000

export function around(facts: PromptFacts, whole: Whole): (string | null)[] {
  const { background, dependencies, umbrella, messages: given, url } = facts
  const { labels = [], priority = 0, estimate = null, dueDate = null, guidance = [], comments = [], attachments = [] } = background ?? {}
  const before = background?.leftOut.comments ?? 0
  const traits = [
    ...(priorities[priority] ? [`Priority: ${priorities[priority]}`] : []),
    ...(labels.length === 0
      ? []
      : [
          `Labels: ${entries(
            aboutLabels,
            labels.map((label) => oneLine(label, 60)),
            mostLabels,
          ).join(', ')}`,
        ]),
    ...(estimate === null ? [] : [`Estimate: ${estimate}`]),
    ...(dueDate === null ? [] : [`Due: ${oneLine(dueDate, 40)}`]),
    ...(url === '' ? [] : [`Address: ${oneLine(url)}`]),
  ]
  const related = dependencies === null ? [] : relations(dependencies, umbrella !== null)
  const rulings = guidance.map(({ origin, body }) => ({ intro: `From ${who(origin)}:`, text: body }))
  // What this run is given as a message stands there.
  const isGiven = new Set(given.map(({ text }) => text.trim()))
  const said = comments
    .filter(({ body }) => !isGiven.has(body.trim()))
    .map(({ author, at, body }) => ({ intro: `From ${who(author)}, ${new Date(at).toISOString()}:`, text: body }))
  return [
    traits.length === 0 ? null : quote(list(traits)),
    related.length === 0 ? null : section('What it hangs together with', quote(list(related))),
    rulings.length === 0 ? null : section('Guidance', several(roomFor('guidance'), rulings, whole('background.guidance'))),
    said.length + before === 0
      ? null
      : section('Earlier comments', several(roomFor('comments'), said, whole('background.comments'), { newest: true, before })),
    attachments.length === 0 ? null : section('Attachments', files(facts, whole)),
  ]
}

/** Children of an issue that coordinates them have a section of their own. */
function relations({ blockedBy, parent, children: below }: Dependencies, isUmbrella: boolean): string[] {
  const blockers = blockedBy.map(({ key, resolved, state }) => {
    const how = state === undefined ? '' : ` (${oneLine(state, 50)})`
    return `${resolved ? 'Builds on' : 'Waits for'} ${oneLine(key, 50)}${how}`
  })
  const pieces = isUmbrella ? [] : below.map(({ key, state }) => `Has the child ${oneLine(key, 50)}: ${oneLine(state, 50)}`)
  const lines = [...(parent === null ? [] : [`Is a part of ${oneLine(parent, 50)}`]), ...blockers, ...pieces]
  return entries(roomFor('dependencies') / 2, lines, mostIssues)
}

/** Files that are named. */
const mostFiles = 60

function files({ background, images, turnKind }: PromptFacts, whole: Whole): string {
  const all = background!.attachments
  const lines = all.map(
    ({ title, url, path }) => `${oneLine(title)}: ${oneLine(url, 500)}${path === null ? '' : ` (here as \`${oneLine(path, 1_000)}\`)`}`,
  )
  const named = fitting(roomFor('attachments') - aboutWhole, lines, mostFiles)
  const missing = all.length - named.length
  const counts = [...imagesOf(images, turnKind), { what: 'Files among them that were not fetched', count: background!.leftOut.files }]
  const told = counts.flatMap(({ what, count }) => (count === 0 ? [] : [`${what}: ${count}.`]))
  return paragraphs(
    quote(list(named)),
    missing === 0 ? null : `(${missing} more left out.) All of them: ${whole('background.attachments')}.`,
    told.length === 0 ? null : told.join(' '),
  )
}

function imagesOf({ given, before, leftOut }: PromptFacts['images'], turnKind: PromptFacts['turnKind']): { what: string; count: number }[] {
  const why = isAside(turnKind) ? 'not handed over in a turn of this kind' : 'too large or too many to be handed over'
  return [
    { what: 'Images among them that are handed over with this prompt, where the agent takes images', count: given },
    { what: 'Images among them that were handed over before in this conversation', count: before },
    { what: `Images among them that are ${why}`, count: leftOut },
  ]
}

export function children(all: readonly { key: string; state: string }[]): string {
  const lines = all.map(({ key, state }) => `${oneLine(key, 50)}: ${oneLine(state, 50)}`)
  return all.length === 0 ? 'None yet.' : list(entries(roomFor('dependencies') / 2, lines, mostIssues))
}
