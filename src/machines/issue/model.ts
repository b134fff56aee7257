// The issue's model for exploration: which of its events come in which world, and under which policy.

import { dawn, type Happening, type Model, type World } from '../model.ts'
import type { IssueContext, IssueInput } from './context.ts'
import { events, type State } from './model-events.ts'
import { issueProperties } from './model-properties.ts'
import { boundless, representative, withoutLateWords } from './model-state.ts'
import { defaultPolicy, type IssuePolicy } from './policy.ts'

/** Small budgets, so that their ends are reached; lifetimes that do not end, except where a world is about them. */
export const explorationPolicy: IssuePolicy = {
  ...defaultPolicy,
  budgets: {
    ...{ implementation: 1, review_fix: 1, ci_repair: 1, queue_repair: 1, branch_upkeep: 1, review: 1 },
    ...{ interruptions: 1, recovery: 1, environment: 2, capacity: 1, resets: 1 },
    ...{ runs: boundless, hours: boundless, tokens: null, usd: null },
  },
  // Longer than any history is.
  delays: { ...defaultPolicy.delays, recovery: 24 * 3_600_000, settle: 24 * 3_600_000, confirmation: 24 * 3_600_000 },
}

const input = (policy: IssuePolicy): IssueInput => ({
  ...{ id: '1', project: 'app', policy, branch: 'b', base: 'main', delegated: true, observedAt: dawn - 1 },
  issue: {
    ...{
      key: 'APP-1',
      title: 'T',
      description: '',
      url: 'u',
      state: 'Todo',
      stateType: 'unstarted',
      priority: 0,
      labels: [],
      parent: null,
    },
    ...{ children: [], blockedBy: [] },
  },
})

type Pattern = RegExp
function only(pattern: Pattern): (state: State) => Happening[] {
  const taken = new Map<string, boolean>()
  const isTaken = (label: string): boolean => {
    let known = taken.get(label)
    if (known === undefined) taken.set(label, (known = pattern.test(label)))
    return known
  }
  return (state) => events(state).filter(({ label }) => isTaken(label))
}

interface Part {
  takes: RegExp
  policy?: Partial<IssuePolicy>
  forget?: (c: IssueContext) => IssueContext
}
const world = (name: string, { takes, policy = {}, forget }: Part): World<IssueContext> => ({
  name,
  input: input({ ...explorationPolicy, ...policy }),
  events: only(takes),
  ...(forget && { forget }),
})

/** What our own side does in every world, but for a publication, which makes a head of its own and may come when nobody wants it. */
const ours = 'the |timer |capacity\\.granted$|run\\.finished (no_change$|failed agent|released|superseded)'
const unpublished = (more: string): RegExp => new RegExp(`^(${ours}|${more})`)
const part = (more: string): RegExp => unpublished(`run\\.publishing|run\\.finished completed|${more}`)
export const issueModel: Model<IssueContext> = {
  machine: 'issue',
  parent: null,
  worlds: [
    world('the change', {
      takes: part(
        'pr\\.(opened|pushed|updated$|merged)|review\\.|checks\\.(pending|passed|failed$)|queue\\.(entered|left|held|resumed|evicted conflict)|reconcile',
      ),
      // Here no pull request is put aside: what was spent on the way to it is over.
      forget: (c) =>
        withoutLateWords(c.pr === null || c.run?.type === 'implementation' ? c : { ...c, attempts: { ...c.attempts, implementation: 0 } }),
    }),
    world('checks that come and go', {
      takes: part('pr\\.(opened|pushed foreign|merged)|review\\.approved$|checks\\.(pending|passed$|failed)|operator\\.(retried$|stopped)'),
      forget: withoutLateWords,
    }),
    world('the base', {
      takes: part(
        'pr\\.(opened|pushed foreign|updated( conflict)?$|merged)|review\\.(approved$|changesRequested)|checks\\.passed$|operator\\.retried$',
      ),
      forget: withoutLateWords,
    }),
    world('a queue that fails', {
      takes: part(
        'pr\\.(opened|pushed foreign|merged)|review\\.approved$|checks\\.passed$|queue\\.(entered|left|evicted)|operator\\.(retried$|stopped)',
      ),
      forget: withoutLateWords,
    }),
    world('a late publication', {
      takes: part(
        'tracker\\.(delegated$|undelegated|updated (open|canceled))|operator\\.(stopped|retried$|closed done)|pr\\.(opened|closed|reopened|merged)|reconcile',
      ),
      forget: withoutLateWords,
    }),
    // A delegation that is told of after what was decided since, beside what comes late from a run that was called off.
    world('late words', {
      takes: part('tracker\\.(delegated|undelegated)|operator\\.(stopped|retried$)|pr\\.(opened|closed|merged)|reconcile'),
    }),
    world('an umbrella', {
      takes: part('child|run\\.finished no_change (done|failed)|operator\\.(retried$|stopped|closed)|tracker\\.delegated$'),
      forget: withoutLateWords,
    }),
    world('conclusions', {
      takes: part('run\\.finished no_change|operator\\.(retried$|closed)|tracker\\.delegated$|pr\\.opened'),
      forget: withoutLateWords,
    }),
    world('a draft', { takes: part('pr\\.(opened|pushed|updated|merged)|review\\.approved|checks\\.passed'), forget: withoutLateWords }),
    world('the tracker', {
      takes: unpublished(
        'tracker\\.(delegated$|undelegated|updated (open|blocked|completed|canceled)|removed)|blocker|reconcile|operator\\.(retried$|closed done)|pr\\.(opened|merged)',
      ),
      forget: withoutLateWords,
    }),
    world('a link', {
      takes: unpublished('run\\.finished needs_input|tracker\\.(updated linked|prompted$)|pr\\.opened'),
      forget: withoutLateWords,
    }),
    world('words', {
      takes: part(
        'run\\.(finished needs_input|steered|started|progressed)|tracker\\.(prompted|stopRequested|undelegated)|operator\\.(prompted|stopped)|pr\\.opened',
      ),
      forget: withoutLateWords,
    }),
    world('decisions', {
      takes: unpublished(
        'tracker\\.(delegated|undelegated)|operator\\.(stopped|retried|closed|budgetReset)|pr\\.(opened|closed|reopened|merged)|policy|capacity',
      ),
    }),
    world('interruptions', {
      takes: part('run\\.finished interrupted|operator\\.(stopped|retried$|closed done)'),
      forget: withoutLateWords,
    }),
    world('failures', {
      takes: part('run\\.finished failed (environment|auth|dirty|bug)|capacity|operator\\.(stopped|retried$|closed done)'),
      forget: withoutLateWords,
    }),
    world('shortages', { takes: part('run\\.finished failed capacity|operator\\.(stopped|retried$)'), forget: withoutLateWords }),
    world('another agent', {
      takes: part('run\\.finished failed capacity|capacity\\.granted elsewhere|operator\\.(stopped|retried$)'),
      policy: { failover: { default: 'other' } },
      forget: withoutLateWords,
    }),
    world('money', {
      takes: part('run\\.(finished failed budget|progressed)|operator\\.(budgetReset|retried$|stopped)|policy'),
      policy: { budgets: { ...explorationPolicy.budgets, usd: 1 } },
      forget: withoutLateWords,
    }),
    world('the deployment', {
      takes: part('deploy|pr\\.(opened|merged)|operator\\.(retried$|stopped|closed)|tracker\\.(updated canceled|delegated$)'),
      policy: { deploy: { timeout: 60_000 } },
      forget: withoutLateWords,
    }),
    world('a reviewing agent', {
      takes: part(
        'run\\.finished needs_input|pr\\.(opened|pushed foreign)|review\\.(approved$|dismissed)|checks\\.passed$|tracker\\.prompted$',
      ),
      policy: { review: 'agent' },
      forget: withoutLateWords,
    }),
    world('the end of a budget', {
      takes: part('run\\.finished interrupted$|operator\\.(retried$|budgetReset)|pr\\.(opened|pushed foreign)|review\\.changesRequested'),
      policy: { budgets: { ...explorationPolicy.budgets, runs: 2 } },
      forget: withoutLateWords,
    }),
  ],
  representative,
  properties: issueProperties,
}
