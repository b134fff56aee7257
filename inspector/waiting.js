// Who an issue waits for, and what would move it.

import { element, prose, showChildren, time } from './element.js'
import { labelOf } from './lifecycle.js'

/** `tryAgain(address)` answers a refusal or null. */
export function drawWaits(section, issue, tryAgain) {
  section.replaceChildren(
    issue.faulted ? drawFault(issue.faulted, tryAgain) : '',
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
              ' ',
              prose(reason),
              ' ',
              element('span.since', {}, time(since, 'since '), until === null ? '' : time(until, ', until ')),
            ),
          ),
        ),
  )
}

function drawFault({ code, message, address }, tryAgain) {
  const problem = element('span.message', { role: 'alert' })
  const button = element('button', { type: 'button' }, 'Try again')
  button.onclick = async () => {
    button.disabled = true
    const refusal = await tryAgain(address)
    button.disabled = false
    problem.textContent = refusal?.message ?? ''
  }
  const what = element('span', {}, element('b', {}, 'Faulted. '), `${message} (${code}, ${address})`)
  return element('.fault', {}, what, ' ', button, ' ', problem)
}

/** Timers, then who can do what, then what is barred, and by which facts. */
export function drawMoves(section, explanation) {
  if (explanation === null) return
  const summary = section.querySelector('summary') ?? element('summary', {}, element('h2', {}, 'What would move it'))
  const enabled = new Map()
  for (const { type, by } of explanation.events.filter((event) => event.enabled)) enabled.set(by, (enabled.get(by) ?? new Set()).add(type))
  const barred = explanation.events.filter((event) => !event.enabled && event.target !== null)
  showChildren(
    section,
    [
      summary,
      element(
        'dl',
        {},
        ...explanation.timers.map(({ name, due }) => [
          element('dt', {}, 'In time'),
          element('dd', {}, element('code', {}, name), ' ', time(due)),
        ]),
        ...[...enabled].map(([by, types]) => [
          element('dt', {}, labelOf(by)),
          element('dd', {}, ...[...types].map((type, index) => [index === 0 ? '' : ', ', element('code', {}, type)])),
        ]),
      ),
      barred.length === 0 ? '' : element('h3', {}, 'Not now'),
      element('ul', {}, ...barred.map(drawBarred)),
    ].filter((part) => part !== ''),
  )
}

function drawBarred({ type, target, guards }) {
  const missing = guards.filter(({ holds }) => !holds)
  return element(
    'li.barred',
    {},
    element(
      'details',
      {},
      element(
        'summary',
        {},
        element('code', {}, type),
        ` → ${target}`,
        missing.map(({ name }) => [', not ', element('code', {}, name)]),
      ),
      ...missing.map(({ name, reads }) => {
        const facts = Object.entries(reads).map(([fact, value]) => `${fact} is ${JSON.stringify(value)}`)
        return element('p.guard', {}, `${name}: ${facts.join(', ')}`)
      }),
    ),
  )
}
