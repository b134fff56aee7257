// Makes elements: text is always text, never markup.

/**
 * `element('a.row', { href }, 'text', child)`: a tag with classes, then properties, then children. Listeners are `onclick`
 * and the like; what is not a property of the element is set as an attribute.
 */
export function element(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split('.')
  const made = document.createElement(tag || 'div')
  if (classes.length > 0) made.className = classes.join(' ')
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue
    if (key in made && !key.includes('-')) made[key] = value
    else made.setAttribute(key, value)
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ''))
  return made
}

/** Gives `parent` these children. Those that are there stay untouched: focus and opened details survive. */
export function showChildren(parent, children) {
  for (const [index, child] of children.entries()) {
    if (parent.childNodes[index] !== child) parent.insertBefore(child, parent.childNodes[index] ?? null)
  }
  while (parent.childNodes.length > children.length) parent.lastChild.remove()
}

/** A link when the address is one of the web, else the text alone: addresses come from other systems. */
export function link(address, text, properties = {}) {
  return /^https?:\/\//i.test(address ?? '')
    ? element('a', { href: address, rel: 'noreferrer', ...properties }, text)
    : element('span', {}, text)
}

/** A sentence in which `commands` stand out. */
export function prose(text) {
  return text.split('`').map((part, index) => (index % 2 === 1 ? element('code', {}, part) : part))
}

/** A point in time, shown as an age that `refreshTimes` keeps true. */
export function time(iso, prefix = '') {
  if (iso === null || iso === undefined || iso === '') return ''
  const made = element('time', { dateTime: iso, title: new Date(iso).toLocaleString() })
  made.dataset['prefix'] = prefix
  showAge(made, Date.now())
  return made
}

/** Rewrites the ages under `root` that have changed. */
export function refreshTimes(root) {
  const now = Date.now()
  for (const one of root.querySelectorAll('time')) showAge(one, now)
}

function showAge(made, now) {
  const text = made.dataset['prefix'] + age(now - Date.parse(made.dateTime))
  if (made.textContent !== text) made.textContent = text
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
]

/** A duration as people say it, with "in" for the future. */
export function age(ms) {
  const [unit, size] = units.find(([, length]) => Math.abs(ms) >= length) ?? []
  if (unit === undefined) return ms < -1_000 ? 'in a moment' : 'now'
  const count = Math.floor(Math.abs(ms) / size)
  return ms < 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`
}
