// The issues of the demo: one for each loop that a change may have to take. What is filed, and what must have happened at the end.

export const incidents = [
  'checks.failed',
  'review.changesRequested',
  'review.dismissed',
  'queue.evicted',
  'pr.closed',
  'operator.stopped',
] as const
export type Incident = (typeof incidents)[number]

interface Story {
  name: string
  title: string
  body: string
  /** What this issue is in the demo for, in a few words. */
  story: string
  /** An issue that it is blocked by. */
  blockedBy?: string
  /** Filed when that issue has an open pull request. */
  filedAfter?: string
  /** An issue that it is a part of. */
  parent?: string
  /** Work that is there already. */
  links?: readonly string[]
  /** `asked`: it waits for a human with a question. `covered`: what it holds together has landed, and it is done without a change. */
  ends?: 'asked' | 'covered'
  /** How many pull requests of it land; without it one. */
  landings?: number
  /** Events that must be in its timeline; of these incidents no other may be. */
  incidents?: readonly Incident[]
  /** Those that a kill may bring about besides: a turn that bases work on another is not made twice, and its change meets the queue. */
  whenKilled?: readonly Incident[]
  /** Run types that must have been used. */
  runs?: readonly string[]
  /** Heads of its pull request on the way. */
  heads?: number
  /** What an agent finds that is asked to review its first head; a person looks at the next one. */
  objection?: { body: string; comments: readonly { path: string; line: number; body: string }[] }
  /** The other half of a pair that is approved together, the half that is to land first. */
  landsAfter?: string
}

const stories = [
  {
    name: 'plain',
    title: 'Add slugify to the text module',
    body: 'Headings become file names in three places, each in its own way.\n\nAdd `slugify(text)` to `src/text.ts`: lower case, words joined by hyphens, nothing else kept. With tests. While there: call `words` what it does, `splitWords`.',
    story: 'plain',
  },
  {
    name: 'blocked',
    title: 'Build heading anchors with slugify',
    body: 'Add `src/anchor.ts` with `anchor(level, title)`, which gives `<h2 id="a-title">A title</h2>`. It uses `slugify`, so it can only start when that is there.',
    blockedBy: 'plain',
    story: 'blocked by the first',
  },
  {
    name: 'red',
    title: 'Convert temperatures',
    body: 'Add `src/temperature.ts` with `toFahrenheit` and `toCelsius`. With tests for the freezing and the boiling point of water.',
    story: 'tests fail, repaired',
    incidents: ['checks.failed'],
    runs: ['ci_repair'],
    heads: 2,
  },
  {
    name: 'reviewed',
    title: 'Format numbers with thousands separators',
    body: 'Add `grouped(value)` to `src/format.ts`: `grouped(1234567)` is `"1,234,567"`. With tests.',
    story: 'a reviewing agent objects, addressed',
    incidents: ['review.changesRequested'],
    runs: ['review', 'review_fix'],
    heads: 2,
    objection: {
      body: 'grouped(-123456) gives "-,123,456". Please keep the sign out of the grouping, and add a test for it.',
      comments: [{ path: 'src/format.ts', line: 9, body: 'The sign is counted as a digit here.' }],
    },
  },
  {
    name: 'clashing',
    title: 'Take the initials of a text',
    body: 'Add `src/initials.ts` with `initials(text)`, by the words of `src/text.ts`: of "Ada King" it is "AK". With tests.',
    story: 'fails in the landing queue, repaired',
    incidents: ['queue.evicted'],
    runs: ['queue_repair'],
    heads: 2,
    landsAfter: 'plain',
  },
  {
    name: 'impossible',
    title: 'Publish the library',
    body: 'Publish version 1.0.0 so that the other teams can use it.',
    story: 'needs an answer',
    ends: 'asked',
  },
  {
    name: 'flaky',
    title: 'Measure how long something takes',
    body: 'Add `src/stopwatch.ts` with `elapsed(start, end)` in seconds. With a test.',
    story: 'tests come and go, run again',
    incidents: ['checks.failed'],
    runs: ['ci_repair'],
  },
  {
    name: 'closed',
    title: 'Join words to a sentence',
    body: 'Add `src/sentence.ts` with `sentence(words)`: a capital first, a full stop at the end. With tests.',
    story: 'pull request closed, begun anew',
    incidents: ['pr.closed'],
    heads: 2,
  },
  {
    name: 'dismissed',
    title: 'Count the words of a text',
    body: 'Add `src/count.ts` with `count(text)`. With tests.',
    story: 'objection taken back',
    incidents: ['review.changesRequested', 'review.dismissed'],
  },
  {
    name: 'stopped',
    title: 'Reverse a text',
    body: 'Add `src/reverse.ts` with `reversed(text)`, by characters as people see them. With tests.',
    story: 'stopped, told to go on',
    incidents: ['operator.stopped'],
  },
  {
    name: 'drifting',
    title: 'Know the yard',
    body: 'Add `yards(value)` to `src/units.ts`: metres in yards. With tests.',
    story: 'base moved, brought up to date',
    runs: ['branch_upkeep'],
    heads: 2,
  },
  {
    name: 'pushed',
    title: 'Say how the library is named',
    body: 'Add `src/about.ts` with the name of the library.',
    story: 'a person pushes to it',
    heads: 2,
  },
  {
    name: 'lower',
    title: 'See the area branch through',
    body: 'The branch feature/area has the work.',
    links: ['branch:feature/area'],
    story: 'linked branch',
    heads: 2,
  },
  {
    name: 'upper',
    title: 'See the volume branch through',
    body: 'The branch feature/volume has the work; it builds on feature/area.',
    links: ['branch:feature/volume'],
    filedAfter: 'lower',
    story: 'stacked on the linked branch',
    runs: ['branch_upkeep'],
    heads: 2,
  },
  {
    name: 'umbrella',
    title: 'Fill texts up to a width',
    body: 'No code of its own: split it into sub-issues, and see that all of them land.',
    story: 'holds the next two together',
    ends: 'covered',
  },
  {
    name: 'careless',
    title: 'Pad a text',
    body: 'Add `src/pad.ts` with `padded(text, width)`. With tests.',
    parent: 'umbrella',
    story: 'work left uncommitted, continued',
  },
  {
    name: 'stumbling',
    title: 'Repeat a text',
    body: 'Add `src/repeat.ts` with `repeated(text, times)`. With tests.',
    parent: 'umbrella',
    story: 'agent fails, tried again',
  },
  {
    name: 'more',
    title: 'Greet by name',
    body: 'Add `src/greet.ts` with `greet(name)`. With tests.',
    story: 'landed, then asked for more',
    landings: 2,
    heads: 2,
  },
  {
    name: 'conflicting',
    title: 'Add truncate to the text module',
    body: 'Add `truncate(text, length)` to `src/text.ts`: longer texts are cut and end in "…". With tests.',
    filedAfter: 'plain',
    story: 'contradicts one in flight, based on it',
    whenKilled: ['queue.evicted'],
    landsAfter: 'plain',
  },
] as const satisfies readonly Story[]

export type TaskName = (typeof stories)[number]['name']

export interface Task extends Required<Omit<Story, 'name' | 'blockedBy' | 'parent' | 'filedAfter' | 'landsAfter' | 'objection' | 'ends'>> {
  name: TaskName
  blockedBy: TaskName | null
  parent: TaskName | null
  filedAfter: TaskName | null
  /** `landed`: its change is on the base branch. */
  ends: 'landed' | 'asked' | 'covered'
  objection: NonNullable<Story['objection']> | null
  landsAfter: TaskName | null
}

export const tasks: readonly Task[] = stories.map((story: Story): Task => {
  const ends = story.ends ?? 'landed'
  return {
    ...story,
    name: story.name as TaskName,
    blockedBy: (story.blockedBy ?? null) as TaskName | null,
    parent: (story.parent ?? null) as TaskName | null,
    filedAfter: (story.filedAfter ?? null) as TaskName | null,
    landsAfter: (story.landsAfter ?? null) as TaskName | null,
    links: story.links ?? [],
    ends,
    landings: ends === 'landed' ? (story.landings ?? 1) : 0,
    incidents: story.incidents ?? [],
    whenKilled: story.whenKilled ?? [],
    runs: story.runs ?? [],
    heads: ends === 'landed' ? (story.heads ?? 1) : 0,
    objection: story.objection ?? null,
  }
})

/** The demo's task with this title; undefined for an issue that somebody else filed. */
export function taskTitled(title: string): Task | undefined {
  return tasks.find((task) => task.title === title)
}
