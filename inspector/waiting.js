// Who an issue waits for, and what would move it.

import { element, time } from './element.js'
import { labelOf } from './lifecycle.js'

export function drawWaits(section, issue) {
  const fault =
    issue.faulted &&
    element('p.fault', {}, element('b', {}, 'Faulted. '), `${issue.faulted.message} (${issue.faulted.code}, ${issue.faulted.address})`)
  section.replaceChildren(
    fault ?? '',
    issue.waitsFor.length === 0
      ? element('p.empty', {}, 'It waits for nobody.')
      : element(
          'ul',
          {},
          ...issue.waitsFor.map(({ party, reason, since, until }) =>
            element(
              'li',
              { 'data-party': party },
              element('b', {}, labelOf(party)),
              ` ${reason} `,
              element('span.since', {}, time(since, 'since '), until === null ? '' : time(until, ', until ')),
            ),
          ),
        ),
  )
}

export function drawMoves(section, explanation) {
  if (explanation === null) return
  const isOpen = section.open
  section.replaceChildren(
    element('summary', {}, element('h2', {}, 'What would move it')),
    element(
      'ul',
      {},
      ...explanation.timers.map(({ name, due }) => element('li', {}, element('code', {}, `after ${name}`), ' ', time(due))),
      ...explanation.events.map(({ type, by, enabled, guards, target }) =>
        element(
          'li',
          { className: enabled ? '' : 'barred' },
          element('code', {}, type),
          ` by ${by}${target === null ? '' : ` → ${target}`}`,
          ...guards
            .filter(({ holds }) => !holds)
            .map(({ name, reads }) =>
              element(
                'p.guard',
                {},
                `not ${name}: ${Object.entries(reads)
                  .map(([fact_, value]) => `${fact_} is ${JSON.stringify(value)}`)
                  .join(', ')}`,
              ),
            ),
        ),
      ),
    ),
  )
  section.open = isOpen
}
