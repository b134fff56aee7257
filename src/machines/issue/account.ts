// What others are told of what runs use: once, as it grows, and to the last of it when a run ends, however it does.

import { addUsage, moreOf, noUsage, type Usage } from '../vocabulary.ts'
import type { IssueContext } from './context.ts'
import type { IssueReport } from './reports.ts'

/** Milliseconds between two tellings of one run. */
export const accountEvery = 60_000

const toldOf = ({ account, run }: IssueContext): Usage => (account.run === run?.id ? account.usage : noUsage)
const isMore = (a: Usage, b: Usage): boolean =>
  a.usd > b.usd || a.inputTokens > b.inputTokens || a.outputTokens > b.outputTokens || a.cachedTokens > b.cachedTokens

export const isDue = (c: IssueContext, usage: unknown, now: number): boolean =>
  c.run !== null &&
  usage !== undefined &&
  isMore(usage as Usage, toldOf(c)) &&
  now - (c.account.run === c.run.id ? c.account.at : c.run.startedAt) >= accountEvery

/** Tells what the active run has used; null when everything was told. `now`: of the event. */
export function settleAccount(c: IssueContext, usage: Usage | undefined, now: number) {
  const run = c.run!
  const told = toldOf(c)
  const used = moreOf(run.usage, usage ?? run.usage)
  if (!isMore(used, told)) return null
  const usd = c.account.usd + Math.max(0, used.usd - told.usd)
  const about = { issue: c.id, project: c.project }
  const reports: IssueReport[] = [
    {
      type: 'usage.counted',
      ...about,
      key: c.issue.key,
      run: run.id,
      runType: run.type,
      agent: run.agent,
      usage: addUsage(used, noUsage),
      at: now,
    },
    ...(usd === c.account.usd ? [] : [{ type: 'capacity.spent' as const, ...about, usd, before: c.account.usd }]),
  ]
  return { account: { run: run.id, usage: used, usd, at: now }, reports }
}
