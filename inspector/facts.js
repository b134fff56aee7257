// The facts of one issue: its pull request, its run, its budgets, its place on disk.

import { element, link, time } from './element.js'
import { labelOf } from './lifecycle.js'

export function drawFacts(section, issue) {
  const { pr, run } = issue
  section.replaceChildren(
    fact(
      'Pull request',
      pr && [
        link(pr.url, `#${pr.number}`),
        ` ${pr.state}${pr.draft ? ', draft' : ''}`,
        lines(
          `review: ${words(pr.review)}`,
          `checks: ${words(pr.checks)}`,
          ...(pr.state === 'open' && pr.mergeable !== 'unknown' ? [`merge: ${words(pr.mergeable)}`] : []),
          element('code', { title: pr.headSha }, pr.headSha.slice(0, 12)),
        ),
      ],
    ),
    fact(
      'Run',
      run && [
        `${labelOf(run.type)} by ${run.agent}`,
        lines(`${words(run.phase)}, `, time(run.startedAt, 'started ')),
        run.lastProgressAt && lines(time(run.lastProgressAt, 'last progress ')),
        lines(usage(run.usage)),
      ],
    ),
    fact(
      'Budgets',
      Object.entries(issue.budgets)
        .filter(([, { used, limit }]) => used > 0 || limit !== null)
        .map(([name, budget]) => meter(name, budget)),
    ),
    fact(
      'Attempts',
      lines(
        ...Object.entries(issue.attempts)
          .filter(([, count]) => count > 0)
          .map(([type, count]) => `${words(type)}: ${count}`),
      ),
    ),
    fact(
      'Blocked by',
      issue.blockedBy.length > 0 &&
        lines(
          ...issue.blockedBy.map(({ key, resolved, state }) =>
            element(
              'a',
              { href: `#/issues/${encodeURIComponent(key)}` },
              `${key}${resolved ? ` (${state === 'canceled' ? 'cancelled: it does not block any more' : 'resolved'})` : ''}`,
            ),
          ),
        ),
    ),
    fact('Branch', issue.branch && element('code', {}, issue.branch)),
    fact('Worktree', issue.worktree && element('code', {}, issue.worktree)),
    fact('Version', [`${issue.version}, `, time(issue.updatedAt)]),
  )
}

function fact(name, content) {
  if (!content || content.length === 0) return ''
  return element('.fact', {}, element('h2', {}, name), element('div', {}, ...[content].flat(2).filter(Boolean)))
}

function lines(...content) {
  const isInline = content.length === 2 && typeof content[0] === 'string' && content[0].endsWith(', ')
  return isInline ? element('p', {}, ...content) : content.map((one) => element('p', {}, one))
}

function meter(name, { used, limit }) {
  const shown = limit === null ? `${used}` : `${used} of ${limit}`
  const share = limit === null || limit === 0 ? 0 : used / limit
  const bar = element('span.bar', {}, element('span', { className: share >= 1 ? 'full' : '' }))
  bar.firstChild.style.width = `${Math.min(100, share * 100)}%`
  return element(
    'p.budget',
    {},
    element('span', {}, words(name)),
    limit === null ? element('span') : bar,
    element('span.number', {}, shown),
  )
}

function usage({ inputTokens, cachedTokens, outputTokens, usd }) {
  const count = (tokens) => tokens.toLocaleString('en')
  return `${count(inputTokens)} tokens in (${count(cachedTokens)} cached), ${count(outputTokens)} out, $${usd.toFixed(2)}`
}

function words(name) {
  return name.replaceAll('_', ' ')
}
