// The facts of a first implementation about which nothing else is known.

import type { PromptFacts } from '../../../src/actors/agents/prompt.ts'

export const facts: PromptFacts = {
  ...{
    runType: 'implementation',
    turnKind: 'work',
    key: 'APP-1',
    title: 'T',
    description: 'd',
    background: null,
    images: { given: 0, before: 0, leftOut: 0 },
    url: '',
    branch: 'b',
    base: 'trunk',
    contextFile: '/runs/APP-1/run-1/context.json',
  },
  ...{ attempt: 1, round: 1, past: null, pastPatch: null, protectedPaths: ['AGENTS.md', '.ci/**'], conflict: false, replaces: null },
  ...{
    umbrella: null,
    recovery: null,
    soFar: null,
    completion: null,
    messages: [],
    question: null,
    review: null,
    checks: null,
    incident: null,
    uncommitted: null,
  },
  ...{ dependencies: null, pullRequest: null, earlier: [], earlierLeftOut: 0 },
  instructions: { base: 'trunk', root: [], changed: [], nested: [], leftOut: { root: 0, changed: 0 } },
  ...{ answerForm: null, change: null, lastFailure: null, workflow: null, extra: null, parent: null },
}
