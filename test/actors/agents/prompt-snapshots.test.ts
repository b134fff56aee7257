// Every kind of prompt as a whole, by type of run and kind of turn: what changes in one is seen in its file.

import { expect, it } from 'vitest'
import { runTypes } from '../../../src/machines/vocabulary.ts'
import { answerSchema } from '../../../src/actors/agents/answer.ts'
import { composePrompt, type PromptFacts } from '../../../src/actors/agents/prompt.ts'
import { facts } from './prompt-facts.ts'

const head = 'a'.repeat(40)
const base = 'b'.repeat(40)
const failure = {
  ...{ name: 'unit', url: 'https://ci.example/1', summary: 'src/sum.ts:3: expected 3, not 4', signature: 's' },
  annotations: ['src/sum.ts:3: expected 3, not 4', 'src/sum.ts:9: unused variable'],
  logTail: 'ok 1\nnot ok 2 - adds\n  ---\n  expected: 3',
}

const known: PromptFacts = {
  ...facts,
  title: 'Sums are wrong',
  description: 'Sums of three are off by one.\n\n## Acceptance criteria\n\n- `sum(1, 1, 1)` is 3\n\n## Out of scope\n\nProducts.\n',
  url: 'https://tracker.example/APP-1',
  branch: 'signalbox/APP-1-sums-are-wrong',
  background: {
    ...{ labels: ['bug', 'math'], priority: 2, estimate: 3, dueDate: '2026-12-01' },
    guidance: [{ origin: 'Acme', body: 'Be brief.' }],
    comments: [
      { author: 'ann', at: 0, body: 'Seen in production.' },
      { author: 'ben', at: 60_000, body: 'On Fridays.' },
    ],
    attachments: [
      { title: 'screen', url: 'https://files.example/1.png', path: '/runs/APP-1/run-1/attachments/1.png' },
      { title: 'thread', url: 'https://chat.example/9', path: null },
    ],
    leftOut: { comments: 3, files: 4 },
  },
  images: { given: 1, before: 5, leftOut: 2 },
  dependencies: { blockedBy: [{ key: 'APP-7', resolved: true, state: 'completed' }], parent: 'APP-3', children: [] },
  workflow: { name: 'IMPLEMENTATION_WORKFLOW.md', text: 'Run `make test`.' },
  extra: 'Write in British English.',
}

const open: PromptFacts = {
  ...known,
  past: head,
  pastPatch: 'c'.repeat(40),
  round: 2,
  pullRequest: {
    number: 4,
    url: 'https://forge.example/4',
    headSha: head,
    draft: false,
    review: 'none',
    checks: 'passed',
    mergeable: 'clean',
  },
  earlier: [
    {
      id: 'run-1',
      type: 'implementation',
      outcome: 'failed',
      failure: 'agent',
      reason: 'It ended with exit code 1.',
      summary: '',
      headBefore: base,
      headAfter: null,
    },
    {
      id: 'run-2',
      type: 'implementation',
      outcome: 'completed',
      failure: null,
      reason: '',
      summary: 'Fixed the loop.',
      headBefore: base,
      headAfter: head,
    },
  ],
}

const byType: Record<PromptFacts['runType'], PromptFacts> = {
  implementation: { ...known, messages: [{ text: 'Please today.', author: 'ann', via: 'session' }] },
  review_fix: {
    ...open,
    pullRequest: { ...open.pullRequest!, review: 'changes_requested' },
    review: {
      ...{ reviewer: 'grace', body: 'Nearly.', headSha: head },
      comments: [
        {
          path: 'src/sum.ts',
          line: 3,
          body: 'Off by one.\nStill.',
          blocking: true,
          id: 'RT_1',
          author: 'grace',
          replies: [{ author: 'ann', body: 'Really?' }],
        },
        { path: 'src/sum.ts', line: null, body: 'Name it better.', blocking: false },
      ],
    },
  },
  ci_repair: {
    ...open,
    pullRequest: { ...open.pullRequest!, checks: 'failed' },
    checks: { headSha: head, failures: [failure] },
    lastFailure: 'It took too long.',
    instructions: {
      base: 'trunk',
      root: [
        { path: 'AGENTS.md', text: 'Use tabs.\n', changed: true },
        { path: 'CLAUDE.md', text: 'Use tabs.\n', changed: false },
      ],
      changed: [{ path: 'sub/CLAUDE.md', text: null, changed: true }],
      nested: ['docs/AGENTS.md'],
      leftOut: { root: 0, changed: 2 },
    },
  },
  queue_repair: {
    ...open,
    pullRequest: { ...open.pullRequest!, review: 'approved', mergeable: 'conflict' },
    incident: {
      class: 'conflict',
      files: ['src/sum.ts', 'b.ts'],
      failures: [failure],
      baseSha: base,
      headSha: head,
      summary: 'It does not merge.',
    },
  },
  branch_upkeep: { ...open, conflict: true, pullRequest: { ...open.pullRequest!, mergeable: 'conflict' } },
  review: { ...open, change: { from: base, to: head, files: ['src/sum.ts', 'test/sum.test.ts'] } },
}

it.each(runTypes)('a run of type %s', (runType) => {
  expect(composePrompt({ ...byType[runType], runType })).toMatchSnapshot()
})

it.each<[string, Partial<PromptFacts>]>([
  ['that commits what was left', { turnKind: 'commit', uncommitted: ['src/sum.ts', 'a b.ts'] }],
  ['that says why nothing has changed', { turnKind: 'completion_check' }],
  ['that goes on with what is left', { completion: { verdict: 'continue', reason: 'The tests.' } }],
  [
    'that is based on a change in flight',
    {
      turnKind: 'stack',
      base: 'signalbox/APP-6',
      parent: { number: 6, url: 'https://forge.example/6', branch: 'signalbox/APP-6', head, files: ['src/sum.ts'] },
    },
  ],
  ['after a stall', { recovery: { cause: 'stalled', way: 'afresh', quiet: 900_000, lastLine: 'Serving on :3000' } }],
  ['that is resumed', { recovery: { cause: 'interrupted', way: 'resume', quiet: 0, lastLine: null } }],
  [
    'that was interrupted, in a new thread',
    {
      recovery: { cause: 'interrupted', way: 'afresh', quiet: 0, lastLine: 'Running the tests', step: 'Mend the tests' },
      soFar: { commits: ['abc1234 Add a sum'], files: ['src/sum.ts', 'a b.ts'], uncommitted: ['a b.ts'] },
    },
  ],
  [
    'that was interrupted, in a copy of its thread',
    {
      recovery: { cause: 'interrupted', way: 'fork', quiet: 0, lastLine: 'Running the tests' },
      soFar: { commits: [], files: ['src/sum.ts'], uncommitted: ['src/sum.ts'] },
    },
  ],
  ['whose thread was lost', { recovery: { cause: 'lost', way: 'afresh', quiet: 0, lastLine: null }, soFar: null }],
  ['with an answer', { question: 'Which colour?', messages: [{ text: 'Blue.', author: 'ann', via: 'session' }] }],
  [
    'of an issue that coordinates others',
    {
      umbrella: {
        children: [
          { key: 'APP-2', state: 'started' },
          { key: 'APP-3', state: 'completed' },
        ],
      },
    },
  ],
  ['that follows a closed pull request', { replaces: { number: 3, url: 'https://forge.example/3' } }],
  ['of an agent that learns the form of its answer from it', { answerForm: answerSchema({ runType: 'implementation', turnKind: 'work' }) }],
])('a turn %s', (_name, changes) => {
  expect(composePrompt({ ...known, ...changes })).toMatchSnapshot()
})

it('a first implementation of which nothing else is known', () => {
  expect(composePrompt(facts)).toMatchSnapshot()
})
